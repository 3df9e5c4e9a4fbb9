// two-at-once.test.ts: two processes on one output: what is left is what one of them alone leaves, and a second that cannot wait says
// why. `models pull` is in models.test.ts.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-two-'));
  await writeDataset(at('data'), ['a', 'b'], 5);
  await writeSmallModel(at('M'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const run = (line: string) => {
  const [program, ...args] = line.split(' ');
  return runCli(program!, args, { env: { FINCH_HOME: at('home') }, spawn: { cwd: scratch } });
};

interface Row {
  /** `OUT` stands for the output. */
  readonly command: string;
  /** The files that it writes, from OUT on. */
  readonly files: readonly string[];
  /** What the second says where it cannot go on; absent: both succeed. */
  readonly refusal?: RegExp;
}

const MODEL = ['/model.json', '/group1-shard1of1.bin'] as const;
const TABLE: readonly Row[] = [
  {
    command: 'extract-features data --model M --out OUT.npy',
    files: ['.npy', '.csv', '.json'],
    refusal: /another finch \(process \d+\) writes|is there already/,
  },
  {
    command: 'extract-features data --model M --out OUT.npy --force',
    files: ['.npy', '.csv', '.json'],
    refusal: /another finch \(process \d+\) writes/,
  },
  { command: 'finch models import M --name x --out OUT', files: MODEL, refusal: /is there already/ },
  { command: 'finch models import M --name x --out OUT --force', files: MODEL },
  { command: 'finch models export M --format tfjs --out OUT', files: MODEL, refusal: /is there already/ },
  { command: 'finch models export M --format safetensors --out OUT.st --force', files: ['.st'] },
  { command: 'finch models export M --format onnx --out OUT.onnx --force', files: ['.onnx'] },
  { command: 'classify data/a/1.png --model M --figure OUT.svg', files: ['.svg'] },
  {
    command: 'finetune data --model M --epochs 1 --batch-size 4 --threads 1 --out OUT',
    files: ['/metrics.csv', ...MODEL.map((name) => `/best${name}`)],
    refusal: /another finch \(process \d+\) works in|is not empty/,
  },
];

for (const [i, { command, files, refusal }] of TABLE.entries()) {
  test(command, async () => {
    // The run's folder is the name of its model.
    const [alone, both] = [path.join(`alone-${i}`, 'x'), path.join(`both-${i}`, 'x')];
    for (const out of [alone, both]) await mkdir(at(path.dirname(out)));
    const one = await run(command.replace('OUT', alone));
    assert.equal(one.code, 0, one.stderr);
    const two = await Promise.all([run(command.replace('OUT', both)), run(command.replace('OUT', both))]);
    const refused = two.filter(({ code }) => code !== 0);
    assert.ok(refused.length <= (refusal ? 1 : 0), two.map(({ stderr }) => stderr).join('\n'));
    for (const { code, stderr } of refused) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, refusal!);
    }
    for (const name of files) {
      const [expected, actual] = await Promise.all(
        [alone, both].map((out) => readFile(at(`${out}${name}`), 'latin1')),
      );
      assert.ok(expected === actual, name);
    }
    const names = await readdir(at(`both-${i}`), { recursive: true });
    assert.deepEqual(names.filter((name) => /\.(tmp|lock)$/.test(name)), []); // prettier-ignore
  });
}

test('finch evaluate --report and --predictions: the page is whole, and the rows are those of one alone', async () => {
  const trained = await run('finetune data --model M --epochs 0 --out F');
  assert.equal(trained.code, 0, trained.stderr);
  const evaluate = (name: string) => run(`finch evaluate data --model F/best --report ${name}.html --predictions ${name}.csv`); // prettier-ignore
  for (const { code, stderr } of [
    await evaluate('one'),
    ...(await Promise.all([evaluate('two'), evaluate('two')])),
  ]) {
    // prettier-ignore
    assert.equal(code, 0, stderr);
  }
  const [rows, expected] = await Promise.all(
    ['two.csv', 'one.csv'].map((name) => readFile(at(name), 'utf8')),
  );
  assert.equal(rows, expected);
  assert.match(await readFile(at('two.html'), 'utf8'), /^<!doctype html>[^]*<\/html>\s*$/i);
  const left = (await readdir(scratch)).filter((name) => name.startsWith('two'));
  assert.deepEqual(
    left.toSorted((a, b) => (a < b ? -1 : 1)),
    ['two.csv', 'two.html'],
  );
});
