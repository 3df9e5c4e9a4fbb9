// build.js: TypeScript -> dist/, aside and then renamed, so that no half-written program is ever started. Commands start from few
// files, dist/bundle/: opening two hundred small ones would take a tenth of a short command's time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
/** As deep as the rooms of dist/src/, so that the package's root is at the same distance; stale.js and bin/launch.js name it too. */
const BUNDLE = path.join('bundle', 'finch');
/** What starts a process or a thread. Names differ, because the bundle is flat: a file finds the script beside itself. */
const ENTRIES = [
  'cli',
  'images/decode-worker',
  'images/drawing-process',
  'images/shown-worker',
  'dataset/batch-worker',
  'tokenizer/tokenizer-worker',
  'formats/hdf5-worker',
  'formats/parquet-worker',
  'api/doctor/probe',
  'studio/jobs/job-process',
];

/** What `models export --page` copies: index.html and all that it needs but the model. */
const PAGE = 'page';
const PAGE_SCRIPTS = ['page', 'worker'];
const PAGE_WASM = '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';

/** Compiles everything; throws with the compiler's messages when they are errors. */
export async function build() {
  const began = new Date();
  let tsc;
  try {
    const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
    tsc = path.join(path.dirname(manifest), 'bin', 'tsc');
  } catch {
    console.error('error: finch is not compiled and the compiler is not installed. Run: npm ci');
    process.exit(3);
  }
  const aside = path.join(root, `dist-${process.pid}`);
  rmSync(aside, { recursive: true, force: true });
  // stdout belongs to the command that is about to run: the compiler's messages go to stderr.
  const run = spawnSync(process.execPath, [tsc, '--outDir', aside], { cwd: root, stdio: ['ignore', 2, 2] });
  if (run.status !== 0) {
    rmSync(aside, { recursive: true, force: true });
    console.error('error: finch did not compile. The messages above say where.');
    process.exit(3);
  }
  stamp(path.join(aside, 'src'));
  await bundle(aside);
  await bundlePage(aside);
  await assemble(aside);
  await bundleStudioPage(aside);
  // As old as what was read: a source that is changed meanwhile is newer.
  utimesSync(path.join(aside, BUNDLE, 'cli.js'), began, began);
  rmSync(dist, { recursive: true, force: true });
  try {
    renameSync(aside, dist);
  } catch (error) {
    // Another process finished the same build in between: its result is as good as ours.
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(path.join(dist, BUNDLE, 'cli.js'))) throw error;
  }
}

/** A file that tells this build from every other: what one of them keeps on disk may be wrong for another. */
function stamp(source) {
  const hash = createHash('sha256');
  const names = readdirSync(source, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.js'));
  for (const name of names.sort()) hash.update(readFileSync(path.join(source, name)));
  writeFileSync(path.join(source, 'stamp'), hash.digest('hex'));
}

/** WebAssembly text -> the bytes beside the compiled files. */
async function assemble(target) {
  const wabt = await (await import('wabt')).default();
  const source = path.join('src', 'images', 'resize.wat');
  const module = wabt.parseWat(source, readFileSync(path.join(root, source), 'utf8'), { simd: true });
  const { buffer } = module.toBinary({});
  for (const folder of [path.join('src', 'images'), BUNDLE, PAGE])
    writeFileSync(path.join(target, folder, 'resize.wasm'), buffer);
}

/** Packages that are joined with the program: what nearly every command loads, in many files, and which is JavaScript alone. */
const JOINED = ['csv-parse', 'csv-stringify', 'fastest-levenshtein', 'ipaddr.js', 'string-width', 'zod'];

/** A package whose start takes longer than a short command has for it: it starts when it is called. It exports one function. */
const STARTS_LATE = 'string-width';

/** The program in files for what is loaded together, and the licences of the packages that are in them. */
async function bundle(target) {
  const esbuild = await import('esbuild');
  const { metafile } = await esbuild.build({
    // Names are made from contents, and contents name paths: the same sources give the same files, wherever they are compiled, so that
    // a command that runs during a build goes on.
    absWorkingDir: target,
    entryPoints: ENTRIES.map((entry) => `src/${entry}.js`),
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    outdir: BUNDLE,
    bundle: true,
    splitting: true,
    plugins: [outsiders, startsLate],
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.9',
    logLevel: 'warning',
  });
  const packages = Object.keys(metafile.inputs).map(
    (file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1],
  );
  const texts = [...new Set(packages)].filter(Boolean).map((folder) => licenceOf(path.join(target, folder)));
  writeFileSync(path.join(target, BUNDLE, 'LICENSES.txt'), texts.join('\n'));
}

/** @param {string} folder of a package */
function licenceOf(folder) {
  const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((found) => /^licen[cs]e(\.|$)/i.test(found));
  if (file === undefined)
    throw new Error(`${name} has no licence text, and its code is joined with the program`);
  return `${name} ${version}\n\n${readFileSync(path.join(folder, file), 'utf8')}`;
}

/** Every other package stays outside. */
const outsiders = {
  name: 'outsiders',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ path: name, importer, kind }) => {
      if (kind === 'entry-point' || path.isAbsolute(name)) return undefined;
      const isJoined = JOINED.some((joined) => name === joined || name.startsWith(`${joined}/`));
      // A joined package's own packages are joined too.
      const isInside = path.relative(root, importer).startsWith('node_modules');
      return isJoined || isInside ? undefined : { path: name, external: true };
    });
  },
};

const startsLate = {
  name: 'starts late',
  setup({ onResolve, onLoad }) {
    const late = 'starts-late';
    onResolve({ filter: new RegExp(`^${STARTS_LATE}$`) }, ({ path: name, namespace, resolveDir }) =>
      namespace === late ? undefined : { path: name, namespace: late, pluginData: resolveDir },
    );
    onLoad({ filter: /./, namespace: late }, ({ path: name, pluginData }) => ({
      contents: `module.exports = (...given) => require('${name}').default(...given);`,
      resolveDir: pluginData,
    }));
  },
};

/** The page of `finch studio`, as files that a browser loads: with preact in it, and nothing that is asked for elsewhere. */
async function bundleStudioPage(target) {
  const esbuild = await import('esbuild');
  const source = path.join('src', 'studio', 'page');
  const studio = path.join(target, 'bundle', 'studio');
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['main.tsx', 'studio.css'].map((name) => ({ in: path.join(source, name), out: 'studio' })),
    outdir: studio,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [await colours(target)],
    logLevel: 'warning',
  });
  copyFileSync(path.join(root, source, 'index.html'), path.join(studio, 'index.html'));
}

/** The page's scripts with TensorFlow.js in them, and the files that they come with. */
async function bundlePage(target) {
  const esbuild = await import('esbuild');
  const source = path.join(root, 'src', 'page');
  mkdirSync(path.join(target, PAGE));
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [...PAGE_SCRIPTS.map((name) => `${name}.ts`), 'page.css'].map((name) =>
      path.join(source, name),
    ),
    outdir: path.join(target, PAGE),
    bundle: true,
    minify: true,
    legalComments: 'none', // the licences are in a file of their own
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    plugins: [forBrowsers, await colours(target)],
    logLevel: 'warning',
  });
  cpSync(path.join(source, 'index.html'), path.join(target, PAGE, 'index.html'));
  cpSync(
    createRequire(import.meta.url).resolve(PAGE_WASM),
    path.join(target, PAGE, path.basename(PAGE_WASM)),
  );
  // The last text that the notice speaks of is finch's own licence.
  const licences = [path.join('third-party', 'tensorflow-js', 'NOTICE'), 'LICENSE'];
  const texts = licences.map((file) => readFileSync(path.join(root, file), 'utf8'));
  writeFileSync(path.join(target, PAGE, 'LICENSES.txt'), texts.join(''));
}

/** What `@import 'finch-colours'` stands for: the colours of the reports, which are written down there alone. */
async function colours(target) {
  const { COLOUR_STYLE } = await import(pathToFileURL(path.join(target, 'src', 'report', 'page.js')).href);
  return {
    name: 'colours of the reports',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^finch-colours$/ }, () => ({ path: 'colours', namespace: 'finch' }));
      onLoad({ filter: /./, namespace: 'finch' }, () => ({ contents: COLOUR_STYLE, loader: 'css' }));
    },
  };
}

/** A browser fetches resize.wasm, where Node reads a file. */
const forBrowsers = {
  name: 'for browsers',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/resize-module\.ts$/ }, () => ({
      path: path.join(root, 'src', 'page', 'resize-module.ts'),
    }));
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
