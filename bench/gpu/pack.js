// pack.js: what run.sh needs on a machine with a card and no network (Linux x64), as parts of at most 60 MiB: Node, a Vulkan loader,
// finch compiled, its dependencies for that platform alone and the shipped network. Usage: node bench/gpu/pack.js [DIR], dist-gpu/ by
// default. XZ_OPT is how hard xz tries, -6 by default: a minute and a half of a processor.

import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../../scripts/stale.js';

/** Below 64 MiB, the most that some ways of carrying files take. */
const PART_BYTES = 60 * 2 ** 20;
const LOADERS = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib64/libvulkan.so.1', '/usr/lib/libvulkan.so.1', '/usr/lib/chromium/libvulkan.so.1']; // prettier-ignore

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(`error: the bundle is for linux x64 and is made there; this is ${process.platform} ${process.arch}`); // prettier-ignore
  process.exit(3);
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = path.resolve(process.argv[2] ?? path.join(root, 'dist-gpu'));
await buildIfStale();
const stage = mkdtempSync(path.join(tmpdir(), 'finch-gpu-pack-'));
try {
  copyFileSync(process.execPath, path.join(stage, 'node'));
  const loader = LOADERS.find((file) => existsSync(file));
  mkdirSync(path.join(stage, 'lib'));
  if (loader) copyFileSync(realpathSync(loader), path.join(stage, 'lib', 'libvulkan.so.1'));
  else console.error('warning: no libvulkan.so.1 here; a machine without one will not have WebGPU');

  const finch = path.join(stage, 'finch');
  for (const part of ['package.json', 'bin', 'labels', 'models', 'dist/src', 'dist/bundle', 'dist/bench', 'dist/test/helpers', 'examples/book.png', 'bench/gpu/torch_peer.py', 'test/golden/families.json', 'test/golden/training.json']) {
    cpSync(path.join(root, part), path.join(finch, part), { recursive: true });
  } // prettier-ignore
  for (const folder of dependencies()) {
    cpSync(path.join(root, folder), path.join(finch, folder), { recursive: true, filter: isNeeded });
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const archive = path.join(stage, 'finch-gpu.tar.xz');
  execFileSync('tar', ['-cJf', archive, '-C', stage, 'node', 'lib', 'finch'], { env: { XZ_OPT: '-6 -T0', ...process.env } }); // prettier-ignore
  execFileSync('split', ['-b', String(PART_BYTES), '-d', archive, path.join(out, 'finch-gpu.part-')]);
  copyFileSync(path.join(root, 'bench', 'gpu', 'run.sh'), path.join(out, 'run.sh'));
  for (const name of readdirSync(out)) {
    console.log(`${(statSync(path.join(out, name)).size / 2 ** 20).toFixed(1)} MiB  ${path.join(out, name)}`);
  }
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** Folders of what finch needs when it runs, as npm sees them; the runtime itself is among a checkout's development packages. */
function dependencies() {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--omit=peer', '--all', '--parseable'], { cwd: root, encoding: 'utf8' }); // prettier-ignore
  const folders = listed.split('\n').map((line) => path.relative(root, line.trim()));
  const needed = folders.filter(
    (folder) => folder.startsWith('node_modules') && !folder.includes('@tensorflow'),
  );
  return [...needed, path.join('node_modules', 'onnxruntime-node')];
}

function isNeeded(file) {
  if (/\.(map|md|d\.ts)$/.test(file)) return false;
  const platform = /onnxruntime-node\/bin\/napi-v\d+\/(\w+)(?:\/(\w+))?/.exec(file);
  return !platform || (platform[1] === 'linux' && (platform[2] ?? 'x64') === 'x64');
}
