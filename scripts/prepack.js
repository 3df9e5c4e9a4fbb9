// prepack.js: what `npm pack` runs first: compiles finch, and puts a copy of onnxruntime-node into third-party/onnxruntime, so that
// a package installs from the registry alone. As a dependency, onnxruntime-node would run its install script: on Linux x64 it fetches
// CUDA libraries from elsewhere, and where it cannot, the whole installation fails.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** Every platform's binaries are in onnxruntime-node; these fit into a package of 40 MB. The others need no install script. */
const PLATFORM = path.join('bin', 'napi-v6', 'linux', 'x64');
/** Beside its licence texts, which are in the repository. */
const TARGET = path.join(root, 'third-party', 'onnxruntime');
/** Dependencies of the install script. */
const ONLY_FOR_INSTALLING = new Set(['adm-zip', 'global-agent']);

function copyRuntime() {
  const source = path.join(root, 'node_modules', 'onnxruntime-node');
  const manifest = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8'));
  checkVersions(manifest.version);
  for (const made of ['bin', 'dist']) rmSync(path.join(TARGET, made), { recursive: true, force: true });
  mkdirSync(path.join(TARGET, 'dist'));
  for (const file of readdirSync(path.join(source, 'dist')).filter((name) => name.endsWith('.js'))) {
    cpSync(path.join(source, 'dist', file), path.join(TARGET, 'dist', file));
  }
  cpSync(path.join(source, PLATFORM), path.join(TARGET, PLATFORM), { recursive: true });
  const { scripts: _, devDependencies: __, types: ___, ...kept } = manifest;
  const dependencies = Object.entries(kept.dependencies).filter(([name]) => !ONLY_FOR_INSTALLING.has(name));
  writeFileSync(
    path.join(TARGET, 'package.json'),
    `${JSON.stringify({ ...kept, dependencies: Object.fromEntries(dependencies) }, null, 2)}\n`,
  );
}

/** One version in three places: the runtime, the dependency that its JavaScript part imports, and the licence texts. */
function checkVersions(version) {
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (dependencies['onnxruntime-common'] !== version) {
    throw new Error(
      `package.json asks for onnxruntime-common ${dependencies['onnxruntime-common']}, but onnxruntime-node ${version} is installed; give both the same version`,
    );
  }
  const notice = readFileSync(path.join(TARGET, 'NOTICE'), 'utf8');
  if (!notice.includes(`onnxruntime-node ${version}\n`)) {
    throw new Error(
      `third-party/onnxruntime is not of onnxruntime-node ${version}; take LICENSE and ThirdPartyNotices.txt from that release and name it in NOTICE`,
    );
  }
}

await build();
copyRuntime();
