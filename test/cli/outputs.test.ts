// outputs.test.ts: every flag that names an output: refused before the work where it cannot be written, and where the command would
// write over what it reads.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli, type RunOptions } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const run = (line: string, options: RunOptions = {}) => {
  const [program, ...args] = line.split(' ');
  return runCli(program!, args, { env: { FINCH_HOME: at('home') }, spawn: { cwd: scratch }, ...options });
};

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-out-'));
  await writeDataset(at('data'), ['a', 'b'], 6);
  await writeSmallModel(at('M'));
  await writeFile(at('file'), '');
  const { code, stderr } = await run('extract-features data --model M --out f.npy');
  assert.equal(code, 0, stderr);
});
after(() => rm(scratch, { recursive: true, force: true }));

/** Every file below the scratch folder with its content. */
async function state(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(scratch, { recursive: true })).sort()) {
    if ((await stat(at(name))).isFile()) {
      files[name] = createHash('sha256').update(await readFile(at(name))).digest('hex'); // prettier-ignore
    }
  }
  return files;
}

async function refused(line: string, code: number, message: RegExp, stdin = ''): Promise<void> {
  const before = await state();
  const ended = await run(line, { stdin });
  assert.equal(ended.code, code, ended.stderr);
  const told = ended.stderr.trimEnd().split('\n');
  assert.match(told.at(-1)!, message);
  assert.ok(told.at(-1)!.startsWith('error: '), ended.stderr);
  if (stdin === '') assert.equal(told.length, 1, ended.stderr);
  assert.deepEqual(await state(), before);
}

describe('a place that cannot be written is refused before the work', () => {
  const gone = /cannot write --[\w-]+ none\/[^:]+: its folder does not exist; make it first/;
  const noFolder = /cannot write .*file\/x: a part of the path is no folder/;
  const TABLE = {
    'classify data --model M --figure none/x.png': gone,
    'extract-features data --model M --out none/x.npy': gone,
    'finch evaluate data --model M --report none/x.html': gone,
    'finch evaluate data --model M --predictions none/x.csv': gone,
    'finch inspect data --model M --out none/x.html': gone,
    'finch inspect data --model M --list none/x.csv': gone,
    'finch search data/a/1.png --in f.npy --out none/x.json': gone,
    'finetune data --model M --find-lr none/x.html': gone,
    'finetune data --model M --preview-augment none/x.html': gone,
    'finch models export M --format onnx --out none/x.onnx': gone,
    'finch models export M --format safetensors --out none/x.safetensors': gone,
    'finetune data --model M --out file/x': noFolder,
    'finch models export M --format tfjs --out file/x': noFolder,
    'finch models import M --out file/x': noFolder,
  } as const;
  for (const [line, message] of Object.entries(TABLE)) test(line, () => refused(line, 3, message));

  test('a used folder, for a new run', () =>
    refused('finetune data --model M --out data', 2, /data is not empty; .*choose another --out/));
});

describe('what a command reads is not written over', () => {
  const read = /--[\w-]+ \S+ is also read( \(as \S+\))? and would be lost/;
  before(async () => {
    const picture = at('data', 'a', '1.png');
    await cp(picture, at('in.png'));
    await writeFile(at('list.svg'), 'data/a/1.png\n');
    await writeFile(at('names.html'), ['p', 'q', 'r', 's', 't', 'u', 'v'].join('\n'));
    await link(picture, at('hard.png'));
    await symlink(picture, at('soft.png'));
    await link(picture, at('page.html'));
    await link(at('M', 'model.json'), at('model.svg'));
    await writeFile(at('l.csv'), 'data/a/1.png\n');
    await mkdir(at('table'));
    await writeFile(at('table', 'x.csv'), 'file,label\n../data/a/1.png,a\n../data/b/1.png,b\n');
    await link(at('table', 'x.csv'), at('table.html'));
  });
  for (const line of [
    'classify in.png --model M --figure in.png',
    'classify in.png --model M --figure ./data/../in.png',
    'classify data --model M --figure data/b/2.png',
    'classify data --model M --figure hard.png',
    'classify data/a/1.png --model M --figure soft.png',
    'classify data/a/*.png --model M --figure data/a/3.png',
    'classify @list.svg --model M --figure list.svg',
    'classify @list.svg --model M --figure hard.png',
    'classify in.png --model M --labels names.html --figure names.html',
    'classify in.png --model M --figure model.svg',
    'extract-features @l.csv --model M --out l.npy --force',
    'finch evaluate data --model M --report page.html',
    'finch evaluate table/x.csv --manifest file,label --model M --report table.html',
    'finch evaluate table/x.csv --manifest file,label --model M --predictions table/x.csv',
    'finch inspect data --model M --out page.html',
    'finch inspect data --model M --list data/a/1.png',
    'finch search in.png --in f.npy --out f.json --format json',
    'finch search in.png --in f.npy --out f.csv --format json',
    'finch search in.png --in f.npy --out in.png --format json',
    'finetune data --model M --preview-augment page.html',
    'finch models export M --format onnx --out M/model.json --force',
    'finch models export M --format safetensors --out M/group1-shard1of1.bin --force',
    'finch models export M --format tfjs --out M --force',
    'finch models import M --out M --force',
  ]) {
    test(line, () => refused(line, 2, read));
  }
  test("a csv that is not finch's beside the rows, with --force", async () => {
    const message =
      /birds\.(csv|json|errors\.csv) does not begin as finch writes it, and would be replaced; move it away/;
    for (const name of ['birds.csv', 'birds.json', 'birds.errors.csv']) {
      await writeFile(at(name), 'file,label\n1.png,a\n');
      await refused('extract-features data --model M --out birds.npy --force', 2, message);
      if (name === 'birds.csv') await refused('extract-features data --model M --out birds.npy', 2, message);
      await rm(at(name));
    }
  });
  test('a picture of a list on stdin', () =>
    refused('classify - --model M --figure in.png', 2, read, 'data/a/1.png\nin.png\n'));

  test('a figure that is there already and is not read is replaced', async () => {
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await run('classify in.png --model M --figure M/figure.png');
      assert.equal(code, 0, stderr);
    }
    await rm(at('M', 'figure.png'));
  });
});
