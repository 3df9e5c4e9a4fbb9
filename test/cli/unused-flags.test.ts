// unused-flags.test.ts: a flag that a command would ignore is a usage error that names what the flag belongs to, before any work.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Command } from 'commander';
import { refuseEmpty } from '../../src/cli/empty-words.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const run = (line: string) => {
  const [command, ...args] = line.split(' ');
  return runCli(command!, args, { env: { FINCH_HOME: at('home') }, spawn: { cwd: scratch } });
};

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-unused-'));
  await writeDataset(at('data', 'train'), ['a', 'b'], 4);
  await writeDataset(at('data', 'val'), ['a', 'b'], 2);
  await writeSmallModel(at('M'));
  for (const name of ['x.pth', 'x.onnx']) await writeFile(at(name), 'not read');
});
after(() => rm(scratch, { recursive: true, force: true }));

const REFUSED: readonly (readonly [line: string, message: RegExp])[] = [
  ['finetune data --model M --find-lr f.html --out run', /--out is the folder of a run, and --find-lr makes a page/],
  ['finetune data --model M --preview-augment f.html --out run', /--out is the folder of a run, and --preview-augment/],
  ['finetune data --model M --preview-augment f.html --augment none --color-jitter 0.4', /--color-jitter belongs to --augment/],
  ['finetune data --model M --epochs 0 --checkpoint-minutes 3', /--checkpoint-minutes belongs to stage 2/],
  ['finetune data --model M --epochs 0 --root elsewhere', /--root is the folder of a csv's pictures, and data is a dataset of folders/],
  ['finetune data --resume one --out two', /--resume one goes on in that folder, and --out names another, two/],
  ['finch evaluate data --model M --root elsewhere', /--root is the folder of a csv's pictures/],
  [`classify ${BOOK} --crop 0.5 --resize-mode squash`, /--crop belongs to --resize-mode crop and squash-crop/],
  [`classify ${BOOK} --min-side 300 --resize-mode pad`, /--min-side belongs to --resize-mode crop and squash-crop/],
  ['extract-features --list-layers --model M --out x.npy', /--list-layers shows a network without pictures, and --out means nothing there/],
  ['extract-features --list-layers --model M --normalize', /and --normalize means nothing there/],
  ['extract-features --list-layers --model M --manifest m.parquet --shard 0/3', /and --manifest means nothing there/],
  ['classify --undo sorted.csv --format json', /--undo takes back what a list says, and --format means nothing there/],
  ['classify --undo sorted.csv --manifest m.parquet --shard 0/1', /--manifest means nothing there/],
  ['classify --manifest m.parquet --shard 0/1 --out x --watch data', /--watch does not go with --shard/],
  [`classify ${BOOK} --model M --unknown-rate 0.9`, /--unknown-rate: small cannot tell what is unlike its classes/],
  ['finch learning-curve data --model M --val-split 0.5', /--val-split divides datasets that are not divided/],
  ['finetune data --model M --find-lr f.html --tensorboard', /--tensorboard belongs to a run, and --find-lr makes a page/],
  ['finetune data --model M --preview-augment f.html --patience 3', /--patience belongs to a run/],
  ['finch learning-curve data --model M --format html --out x.json', /--out x.json ends in .json, received --format html/],
  ['finch search in.png --in f.npy --format json --out x.htm', /--out x.htm ends in .htm, received --format json/],
  ['classify --manifest m.parquet --shard 0/1 --out x --format table', /--format does not go with --shard/],
  ['finch suggest data --bogus', /^error: unknown option '--bogus' \(add --help for the flags\)$/m],
  ['finch models export M --format onnx --dtype float16 --out x.bin', /--dtype float16 belongs to --format tfjs, received --format onnx/],
  ['finch models export M --format safetensors --dtype float16 --out x.bin', /--dtype float16 belongs to --format tfjs/],
  ['finch models import x.pth --size 224', /--size 224 belongs to an ONNX file, and x.pth is a checkpoint; leave it out/],
  ['finch models import x.pth --dtype q8', /--dtype q8 belongs to a folder with several ONNX files/],
  ['finch models import x.pth --mirror https://m.example', /--mirror https:\/\/m.example belongs to hf:OWNER\/NAME/],
  ['finch models pull resnet18 --mirror x', /--mirror must be an address/],
  ['finch models import x.onnx --arch resnet18', /--arch resnet18 belongs to a checkpoint, and x.onnx is an ONNX file/],
  ['finch models import x.onnx --dtype q4', /--dtype q4 belongs to/],
  ['finch models import M --size 96', /--size 96 belongs to an ONNX file, and M is a tf.LayersModel/],
  ['finch models import hf:a/b --arch resnet18', /--arch resnet18 belongs to a checkpoint, and hf:a\/b is a repository/],
]; // prettier-ignore

test('an empty INPUT among several has a row; another empty argument is refused', () => {
  const of = (argument: string) => () => refuseEmpty(new Command().argument(argument).parse(['a.jpg', ''], { from: 'user' })); // prettier-ignore
  assert.doesNotThrow(of('[input...]'));
  assert.throws(of('<features...>'), /the argument features is empty/);
});

for (const [line, message] of REFUSED) {
  test(line.replace(BOOK, 'book.png'), async () => {
    const before = await readdir(scratch);
    const { code, stdout, stderr } = await run(line);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^error: [^\n]+\n$/);
    assert.equal(stdout, '');
    assert.deepEqual(await readdir(scratch), before);
  });
}

test('--source and --licence are kept for a model folder, too', async () => {
  const { code, stderr } = await run(
    'finch models import M --name kept --out kept --source lab --licence MIT',
  );
  assert.equal(code, 0, stderr);
  const { provenance } = await readModelFolder(at('kept'));
  assert.deepEqual([provenance!.source, provenance!.licence], ['lab', 'MIT']);
});

test('--resume without a folder goes on with the run that --out names', async () => {
  const line = 'finetune data --model M --epochs 0 --out named';
  assert.equal((await run(line)).code, 0);
  const { code, stdout, stderr } = await run(`${line} --resume`);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), path.join('named', 'best'));
});
