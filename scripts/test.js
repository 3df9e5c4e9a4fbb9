// test.js: compiles, then hands every compiled test file to node:test.
// `--slow` runs the suites named *.slow.test instead; other arguments select files by a part of their path.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const slow = process.argv.includes('--slow');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--slow');

await build();
const files = readdirSync(path.join(root, 'dist', 'test'), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.js') && file.endsWith('.slow.test.js') === slow)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => path.join('dist', 'test', file))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}`);
  process.exit(2);
}
// Most files wait for processes of one thread: two at a time use two cores, where node's own default is one fewer than there are.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasConcurrency = major > 20 || (major === 20 && minor >= 10);
const concurrency = hasConcurrency ? [`--test-concurrency=${Math.max(2, availableParallelism() - 1)}`] : [];
const run = spawnSync(process.execPath, ['--test', ...concurrency, ...files], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
