// quantize.test.ts: from a model to one in 8 bits and back, with the shipped network; what is refused, and where it falls back.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { extractFeatures } from '../../src/api/extract.ts';
import { quantizeModel } from '../../src/api/models/quantize.ts';
import { openModel } from '../../src/api/index.ts';
import { openNetwork } from '../../src/api/network.ts';
import { workOf } from '../../src/api/work.ts';
import { readModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { extractConfig } from '../../src/config/features.ts';
import { inferenceConfig } from '../../src/config/inference.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { attentionOnnx } from '../helpers/attention-onnx.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { writeOpaqueModel } from '../helpers/opaque-model.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writePlacesModel, writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const notes: string[] = [];
const work = workOf({ onNote: (text) => void notes.push(text) });
const twice = () => Promise.resolve(2);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-quantize-'));
  process.env['FINCH_HOME'] = at('home');
  await writeSmallModel(at('small'));
  // The names of its classes, as they are called where nobody has named them.
  await writeDataset(at('photos'), ['class 0', 'class 1', 'class 2'], 2);
  await quantizeModel(at('small'), { calibrate: at('photos'), name: 'small-int8' }, work, twice);
});
after(() => rm(scratch, { recursive: true, force: true }));

const INT8 = () => at('home', 'models', 'small-int8');
const config = (model: string, precision = 'auto') => inferenceConfig([], { model, precision, exif: true });

/** The output of a network for one picture. */
async function answer(model: string, precision?: string): Promise<Float32Array> {
  const opened = await openNetwork(config(model, precision), work);
  try {
    const { predictor } = await opened.load();
    const [scores] = await predictor.run({ data: new Uint8Array(24 * 24 * 3).map((_, i) => (i * 37) % 256), count: 1, height: 24, width: 24 }); // prettier-ignore
    return scores!.data;
  } finally {
    await opened.close();
  }
}

test('the shipped network in 8 bits: it agrees, and is a model like any other', async () => {
  await mkdir(at('few'));
  await draw(at('few', 'a.png'), 'disc');
  await draw(at('few', 'b.png'), 'stripes');
  await writeFile(at('few', 'broken.jpg'), 'no picture');
  notes.length = 0;
  const made = await quantizeModel('efficientnet_lite0', { calibrate: at('few') }, work, twice);
  const { name, facts, refusal } = made;
  assert.deepEqual({ name, refusal, pictures: facts.pictures, agreement: facts.agreement }, { name: 'efficientnet_lite0-int8', refusal: undefined, pictures: 2, agreement: 1 }); // prettier-ignore
  assert.match(notes.join('\n'), /left out: .*broken\.jpg: .*\n2 pictures are few to judge by/);
  const output = await runCli('classify', [at('few'), '--model', name, '--format', 'ndjson'], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  assert.equal(output.code, 1, output.stderr);
  assert.equal(output.stdout.trim().split('\n').length, 3);
});

test('8 bits are what a quantized model runs in; float32 is as exact as before', async () => {
  const exact = await answer(at('small'));
  assert.deepEqual(await answer(INT8(), 'float32'), exact);
  const bytes = await answer(INT8());
  assert.notDeepEqual(bytes, exact);
  assertAllClose(bytes, exact, { rtol: 0.1 });
  assert.deepEqual(await answer(INT8(), 'int8'), bytes);
});

test('what was measured is kept: agreement, right answers where classes are known, speed', async () => {
  const { int8, name } = await readModelFolder(INT8());
  assert.equal(name, 'small-int8');
  assert.deepEqual(int8!.speed, { one: 2, batch: 2 });
  assert.equal(int8!.pictures, 6);
  assert.deepEqual(Object.keys(int8!.top1!), ['float32', 'int8']);
});

test('slower, or of other answers: it says so, keeps no ranges and runs in float32', async () => {
  const flags = { calibrate: at('photos'), name: 'slow' };
  const { refusal, folder } = await quantizeModel(at('small'), flags, work, () => Promise.resolve(0.9));
  assert.match(refusal!, /8 bits are 0\.90 times as fast/);
  assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith('int8-')), []); // prettier-ignore
  assert.deepEqual(await answer(folder), await answer(at('small')));
  const refused = openNetwork(config(folder, 'int8'), work);
  await assert.rejects(refused, { code: 'USAGE', message: /"?slow"?: it was tried with 8 bits on .*, and stays in float32/ }); // prettier-ignore
});

test('the library takes it as an option', async () => {
  const answers: number[] = [];
  for (const precision of ['float32', 'int8'] as const) {
    await using model = await openModel(INT8(), { precision });
    for await (const row of model.classify([at('photos', 'class 0')], { topk: 1 })) {
      if ('predictions' in row) answers.push(row.predictions[0]!.probability);
    }
  }
  const half = answers.length / 2;
  assert.ok(half >= 1 && answers.slice(0, half).some((p, i) => p !== answers[half + i]), answers.join(' '));
  await assert.rejects(
    openModel(INT8(), { precision: 'int4' as 'int8' }),
    /precision must be one of auto, float32, int8/,
  );
});

test('--precision int8 of a model without says how to get one', async () => {
  await assert.rejects(openNetwork(config(at('small'), 'int8'), work), {
    code: 'USAGE',
    message:
      /it has no 8-bit numbers; leave the flag out, or make a model that has them: finch models quantize .*small --calibrate DIR/,
  });
});

test('a processor whose sums would overflow, and an engine without bytes: float32, with a note', async () => {
  const model = await readModelFolder(INT8());
  await writeModelFolder(at('eight'), { ...model, int8: { ...model.int8!, bits: 8 } }, { dtype: 'float32' });
  const opened = await openNetwork(config(at('eight')), work);
  const bits = await (await opened.engine()).weightBits!();
  notes.length = 0;
  assert.equal((await opened.quantization()) === undefined, bits === 7);
  assert.equal(notes.length, bits === 7 ? 1 : 0, notes.join());
  const portable = await openNetwork({ ...config(INT8()), engine: 'tfjs', device: 'js' }, work);
  notes.length = 0;
  assert.equal(await portable.quantization(), undefined);
  assert.match(notes.join(), /runs in float32: 8 bits need engine onnx on the CPU/);
});

test('the feature cache tells 8 bits from float32', async () => {
  const extract = (precision: string) =>
    extractFeatures(
      extractConfig([at('photos')], { model: INT8(), precision, out: at(`${precision}.npy`), dtype: 'float32', cache: true, exif: true }), // prettier-ignore
      { stdin: process.stdin },
      work,
    );
  for (const precision of ['float32', 'int8']) {
    assert.doesNotMatch((await extract(precision)).summary, /from the cache/);
    await rm(at(`${precision}.npy`));
    await rm(at(`${precision}.json`));
    await rm(at(`${precision}.csv`));
    await rm(at(`${precision}.errors.csv`), { force: true });
    assert.match((await extract(precision)).summary, /6 from the cache/);
  }
});

test('finetune learns its head on 8-bit features where it is asked to, and float32 otherwise', async () => {
  const run = (...flags: readonly string[]) =>
    runCli('finetune', [at('photos'), '--model', INT8(), '--epochs', '0', '--out', at(`run${flags.length}`), ...flags], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  for (const flags of [[], ['--precision', 'int8']]) {
    const { code, stderr } = await run(...flags);
    assert.equal(code, 0, stderr);
  }
  const [exact, bytes] = [
    await readModelFolder(at('run0', 'best')),
    await readModelFolder(at('run2', 'best')),
  ];
  assert.notDeepEqual(bytes.weights.get('fc/kernel'), exact.weights.get('fc/kernel'));
  assert.deepEqual([bytes.int8, bytes.quantization], [undefined, undefined]);
});

test('refused in one line: no folder, no picture, none that can be read, networks without a place for 8 bits', async () => {
  await mkdir(at('empty'));
  await mkdir(at('junk'));
  await writeFile(at('junk', 'a.jpg'), 'no picture');
  await writePlacesModel(at('places'));
  await writeOpaqueModel(at('opaque'), attentionOnnx());
  const cases = [
    ['small', 'missing', 'DATASET_NOT_FOUND', /no such folder/],
    ['small', 'empty', 'DATASET_INVALID', /has no picture that can be read/],
    ['small', 'junk', 'DATASET_INVALID', /has no picture that can be read \(not an image/],
    ['places', 'photos', 'MODEL_UNSUPPORTED', /has no convolutions behind its first/],
    ['opaque', 'photos', 'MODEL_UNSUPPORTED', /runs as the foreign network that it is/],
  ] as const;
  for (const [model, folder, code, message] of cases) {
    await assert.rejects(quantizeModel(at(model), { calibrate: at(folder), name: 'none' }, work, twice), { code, message }); // prettier-ignore
  }
  const flags = { calibrate: at('photos') };
  await assert.rejects(quantizeModel(at('small'), { ...flags, name: '../up' }, work, twice), { code: 'USAGE', message: /--name must be of letters/ }); // prettier-ignore
  await assert.rejects(quantizeModel(at('small'), { ...flags, name: 'small-int8' }, work, twice), { code: 'USAGE', message: /is there already/ }); // prettier-ignore
  const aborted = workOf({ signal: AbortSignal.abort() });
  await assert.rejects(quantizeModel(at('small'), { ...flags, name: 'none' }, aborted, twice), { code: 'INTERRUPTED' }); // prettier-ignore
  assert.equal((await readdir(at('home', 'models'))).includes('none'), false);
});
