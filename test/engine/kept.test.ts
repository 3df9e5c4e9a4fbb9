// kept.test.ts: a network that is loaded again comes from its kept copy, with the same numbers to the last bit; whatever is wrong with the
// copy, it is made from the model again.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { keptAt } from '../../src/api/kept-network.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import type { EngineModel } from '../../src/engine/engine.ts';
import { loadKept } from '../../src/engine/onnx/load-kept.ts';
import { loadRuntime } from '../../src/engine/onnx/runtime.ts';
import { sessionMaker } from '../../src/engine/onnx/session-maker.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-kept-'));
  process.env['XDG_CACHE_HOME'] = path.join(home, 'cache');
  // With these the runtime reports nothing of its own accord.
  for (const name of ['CI', 'TF_BUILD', 'GITHUB_ACTIONS']) delete process.env[name];
});
after(() => rm(home, { recursive: true, force: true }));

const SIDE = 8;

/** A convolution, and a classifier of as many classes. */
function network(classes: number): EngineModel {
  const b = graphBuilder('kept', SIDE);
  const x = b.activation(
    b.conv2d(b.input, 'conv', { filters: 64, kernel: 3, stride: 1, pad: 1 }),
    'relu',
    'relu',
  );
  const graph = b.build(b.dense(b.flatten(x, 'flat'), 'fc', classes));
  return { graph, weights: madeUpWeights(graph), ...HALF };
}

const batch = {
  data: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37) % 256),
  count: 1,
  height: SIDE,
  width: SIDE,
};

/** What the network says, and how often the model was asked for. @param mapped what is answered to whether a file can be mapped */
async function answer(model: EngineModel, folder: string, key = 'one', mapped?: boolean) {
  const maker = sessionMaker({ runtime: await loadRuntime(), device: 'cpu', threads: 1 });
  let reads = 0;
  const read = async () => {
    reads++;
    return model;
  };
  const maps = mapped === undefined ? undefined : async () => mapped;
  const predictor = await loadKept({ folder, key, read }, {}, maker, maps);
  const [output] = await predictor.run(batch);
  await predictor.dispose();
  return { numbers: output!.data.slice(), reads };
}

const large = network(256);

test('the second time the model is not asked for, and the numbers are the same', async () => {
  const folder = path.join(home, 'twice');
  const engine = await createOnnxEngine({ device: 'cpu' });
  const plain = await engine.load(large);
  const [expected] = await plain.run(batch);
  await plain.dispose();
  for (const reads of [1, 0, 0]) {
    const found = await answer(large, folder);
    assert.equal(found.reads, reads);
    assert.deepEqual(found.numbers, expected!.data);
  }
  for (const mapped of [true, false]) {
    const found = await answer(large, folder, 'one', mapped);
    assert.deepEqual([found.reads, found.numbers], [0, expected!.data]);
  }
  assert.equal((await answer(large, folder, 'another')).reads, 1);
  assert.equal((await readdir(folder)).length, 4);
});

const DAMAGES = {
  'a byte is another': async (file: string) => {
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(file, bytes);
  },
  'it is cut': (file: string) => truncate(file, 1000),
  'it is empty': (file: string) => truncate(file, 0),
  'it is cut, and the record knows': async (file: string) => {
    await truncate(file, 200_000);
    const { size, mtimeNs, ctimeNs, ino } = await stat(file, { bigint: true });
    const record = file.replace(/ort$/, 'json');
    const told = JSON.parse(await readFile(record, 'utf8')) as object;
    await writeFile(record, JSON.stringify({ ...told, trace: [size, mtimeNs, ctimeNs, ino].join(' ') }));
  },
  'it is gone': (file: string) => rm(file),
  'the record is no record': (file: string) => writeFile(file.replace(/ort$/, 'json'), '{"sha256":1}'),
  'the record is no JSON': (file: string) => writeFile(file.replace(/ort$/, 'json'), '{"sha'),
  'the record is gone': (file: string) => rm(file.replace(/ort$/, 'json')),
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`a copy that is not as it was: ${name}`, async () => {
    const folder = path.join(home, name.replaceAll(' ', '-'));
    const { numbers } = await answer(large, folder);
    const kept = (await readdir(folder)).find((file) => file.endsWith('.ort'));
    await damage(path.join(folder, kept!));
    const again = await answer(large, folder);
    assert.equal(again.reads, 1);
    assert.deepEqual(again.numbers, numbers);
    assert.equal((await answer(large, folder)).reads, 0);
  });
}

test('a network of few weights is not kept, nor is one where nothing can be written', async () => {
  assert.equal((await answer(network(3), path.join(home, 'small'))).reads, 1);
  await assert.rejects(readdir(path.join(home, 'small')), { code: 'ENOENT' });
  const blocked = path.join(home, 'blocked');
  await writeFile(blocked, '');
  assert.equal((await answer(large, blocked)).reads, 1);
});

test('a model is known by its files: the same until one of them is written', async () => {
  const folder = path.join(home, 'model');
  await writeSmallModel(folder);
  const model = await readModelFolder(folder);
  const { preprocessing } = model;
  const key = async (hasBytes = false) => (await keptAt(folder, model, { preprocessing: preprocessing!, hasBytes }))?.key; // prettier-ignore
  const first = await key();
  assert.match(first!, /^[0-9a-f]{64}$/);
  assert.equal(await key(), first);
  assert.notEqual(await key(true), first);
  await utimes(path.join(folder, 'model.json'), 1, 1);
  assert.notEqual(await key(), first);
});

test('the runtime keeps nothing of its own, and so has nothing to report', async () => {
  await (await createOnnxEngine({ device: 'cpu' })).load(large).then((predictor) => predictor.dispose());
  await assert.rejects(readdir(path.join(home, 'cache')), { code: 'ENOENT' });
});
