// test.js: compiles what has changed, then hands every compiled test file to node:test.
// `--slow` runs the suites named *.slow.test instead; other arguments select files by a part of their path.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { ALL_SOURCES, buildIfStale } from './stale.js';

/** Files that take minutes, the longest first: begun at the end, one of them would leave the other cores idle. */
const LONGEST = [
  'cli/crash.slow',
  'fuzz/targets.slow',
  'zoo/training.slow',
  'zoo/parity.slow',
  'api/quantize.slow',
  'cli/special-files.slow',
  'bench/gpu.slow',
  'engine/webgpu.slow',
  'engine/engines-agree.slow',
  'cli/finetune.slow',
  'engine/training-tfjs.slow',
  'engine/training-tfjs-node.slow',
  'page/browser.slow',
  'cli/finetune-tfjs.slow',
  'cli/bombs.slow',
  'engine/overfit.slow',
  'cli/classify',
  'cli/finetune',
  'cli/finetune-features',
  'engine/training-networks',
  'zoo/networks',
  'cli/extract-features',
  'cli/hostile-names',
  'cli/special-files',
  'cli/models',
];

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const slow = process.argv.includes('--slow');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--slow');

await buildIfStale(ALL_SOURCES);
const tests = path.join(root, 'dist', 'test');
const names = readdirSync(tests, { recursive: true })
  .map((file) => String(file).replaceAll(path.sep, '/'))
  .filter((file) => file.endsWith('.test.js') && file.endsWith('.slow.test.js') === slow)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (names.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}`);
  process.exit(2);
}
const first = LONGEST.map((name) => `${name}.test.js`).filter((name) => names.includes(name));
const files = [...new Set([...first, ...names])].map((name) => path.join(tests, name));

process.chdir(root);
process.env['FINCH_COMPILED'] = '1';
// Most files wait for processes of one thread, or for their start: three at a time keep two cores busy, where node starts one file.
run({ files, concurrency: Math.max(3, availableParallelism() - 1) })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(process.stdout.isTTY ? new spec() : tap)
  .pipe(process.stdout);
