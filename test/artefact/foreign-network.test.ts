// A model folder with a foreign network in it: model.json beside one ONNX file, which its checksums and its hash cover.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { refuseOtherContent } from '../../src/artefact/exchange.ts';
import { hashModelFolder, openModelFolder, readModelFolder, verifyModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts'; // prettier-ignore
import { inferShapes } from '../../src/graph/shapes.ts';
import { AppError } from '../../src/util/errors.ts';
import { attentionOnnx } from '../helpers/attention-onnx.ts';
import { opaqueModel } from '../helpers/opaque-model.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-foreign-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const networks = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.onnx'));

describe('a model folder with a foreign network', () => {
  test('comes back whole', async () => {
    const folder = path.join(scratch, 'whole');
    const model = await opaqueModel(attentionOnnx({ ending: 'softmax' }));
    await writeModelFolder(folder, model, { dtype: 'float32' });
    assert.equal((await networks(folder)).length, 1);
    const { model: described } = await openModelFolder(folder);
    assert.deepEqual(described.graph, model.graph);
    assert.equal('foreign' in described, false);
    const { foreign, weights, ...rest } = await readModelFolder(folder);
    const { foreign: given, weights: head, ...expected } = model;
    assert.deepEqual(rest, expected);
    assert.deepEqual(weights, head);
    assert.deepEqual(foreign!.nodes, given!.nodes);
    assert.deepEqual([...foreign!.initializers.keys()].sort(), [...given!.initializers.keys()].sort());
    assert.deepEqual(foreign!.opsets, given!.opsets);
    assert.deepEqual(await verifyModelFolder(folder), []);
  });

  test('is known by the content of the network too, whatever the folder says of itself', async () => {
    const [one, other, renamed] = ['one', 'other', 'renamed'].map((name) => path.join(scratch, name)) as [
      string,
      string,
      string,
    ];
    const model = await opaqueModel(attentionOnnx());
    await writeModelFolder(one, model, { dtype: 'float32' });
    await writeModelFolder(other, await opaqueModel(attentionOnnx({ opset: 18 })), { dtype: 'float32' });
    await writeModelFolder(renamed, { ...model, name: 'renamed' }, { dtype: 'float32' });
    assert.notEqual(await hashModelFolder(one), await hashModelFolder(other));
    assert.equal(await hashModelFolder(one), await hashModelFolder(renamed));
    const [name] = (await networks(one)) as [string];
    const bytes = await readFile(path.join(one, name));
    bytes[bytes.length - 40]! ^= 1;
    const before = await hashModelFolder(one);
    await writeFile(path.join(one, name), bytes);
    assert.notEqual(await hashModelFolder(one), before);
    const problems = await verifyModelFolder(one).catch((error: AppError) => [error.message]);
    assert.equal(problems.length, 1);
  });

  test('is exchanged for another without remains, and back', async () => {
    const folder = path.join(scratch, 'exchanged');
    const write = async (bytes: Uint8Array) =>
      writeModelFolder(folder, await opaqueModel(bytes), { dtype: 'float32' });
    await write(attentionOnnx());
    const [first] = await networks(folder);
    await write(attentionOnnx({ opset: 18 }));
    const second = await networks(folder);
    assert.equal(second.length, 1);
    assert.notEqual(second[0], first);
    assert.deepEqual(await verifyModelFolder(folder), []);
    await refuseOtherContent(folder);
    await writeSmallModel(folder);
    assert.deepEqual(await networks(folder), []);
    assert.deepEqual(await verifyModelFolder(folder), []);
  });

  test('reads no network from elsewhere', async () => {
    const folder = path.join(scratch, 'elsewhere');
    await writeModelFolder(folder, await opaqueModel(attentionOnnx()), { dtype: 'float32' });
    const file = path.join(folder, 'model.json');
    const text = (await readFile(file, 'utf8')).replaceAll(
      /network-\w+\.onnx/g,
      '../network-0123456789abcdef.onnx',
    );
    await writeFile(file, text);
    await assert.rejects(readModelFolder(folder), (error) => {
      assert.ok(error instanceof AppError && error.code === 'MODEL_INVALID');
      assert.match(error.message, /its network is called '\.\.\/network-0123456789abcdef\.onnx', expected/);
      return true;
    });
  });

  test('is refused where its description is none', async () => {
    const folder = path.join(scratch, 'described');
    await writeModelFolder(folder, await opaqueModel(attentionOnnx({ batch: 1 })), { dtype: 'float32' });
    const file = path.join(folder, 'model.json');
    const text = await readFile(file, 'utf8');
    const CASES: readonly (readonly [from: string, to: string, says: RegExp])[] = [
      ['"shape":[4,12]', '"shape":[4,-12]', /shape: expected sizes from 1/],
      ['"shape":[4,12]', '"shape":[]', /shape: expected sizes from 1/],
      ['"shape":[4,12],"channels_second":false', '"shape":[4,12],"channels_second":true', /shape: expected/],
      ['"shape":[4,12]', '"shape":[400000,120000]', /more numbers than memory holds/],
      ['"layout":"NCHW"', '"layout":"CHWN"', /layout: expected NCHW or NHWC, received 'CHWN'/],
      ['"batch":1', '"batch":0', /batch: expected a whole number from 1/],
      ['"size":[16,16]', '"size":[16,0]', /size must be whole numbers from 1/],
      ['"size":[16,16]', '"size":[16,17]', /pictures of 16x17 only, received \[16,16,3\]/],
    ];
    for (const [from, to, says] of CASES) {
      assert.ok(text.includes(from), from);
      await writeFile(file, text.replace(from, to));
      await assert.rejects(
        (async () => inferShapes((await readModelFolder(folder)).graph))(),
        (error) => error instanceof AppError && says.test(error.message),
        `${from} -> ${to}`,
      );
    }
  });
});
