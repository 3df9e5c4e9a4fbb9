// quantization-file.test.ts: ranges in a model folder: they come back, another model's are removed, and false ones are refused.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  openModelFolder,
  readModelFolder,
  verifyModelFolder,
  writeModelFolder,
} from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const FACTS = {
  bits: 7,
  method: 'min-max',
  pictures: 100,
  agreement: 0.98,
  top1: { float32: 0.75, int8: 0.74 },
  speed: { one: 1.5, batch: 1.6 },
  processor: 'a processor',
} as const;
const QUANTIZATION = {
  bits: 7,
  ranges: new Map([
    ['relu1', { low: 0, high: 2.5 }],
    ['relu2', { low: 0, high: 3 }],
  ]),
  means: new Map([['conv2', Float32Array.from({ length: 12 }, (_, i) => i / 4)]]),
} as const;

let scratch = '';
let small: Model;
const at = (name: string) => path.join(scratch, name);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-quantization-'));
  await writeSmallModel(at('float'));
  small = await readModelFolder(at('float'));
  await writeModelFolder(
    at('good'),
    { ...small, int8: FACTS, quantization: QUANTIZATION },
    { dtype: 'float32' },
  );
});
after(() => rm(scratch, { recursive: true, force: true }));

const rangesIn = async (folder: string) => (await readdir(folder)).filter((name) => name.startsWith('int8-'));

test('ranges, means and what was measured come back; verify knows the file', async () => {
  const model = await readModelFolder(at('good'));
  assert.deepEqual(model.quantization, QUANTIZATION);
  const [file] = await rangesIn(at('good'));
  assert.deepEqual(model.int8, { ...FACTS, file });
  assert.deepEqual(await verifyModelFolder(at('good')), []);
  // What is read again is written again, under the same name.
  await writeModelFolder(at('copy'), model, { dtype: 'float32' });
  assert.deepEqual(await rangesIn(at('copy')), [file]);
});

test('a model that stays in float32 keeps what was measured, and no file; one in the place of another removes its file', async () => {
  await cp(at('good'), at('replaced'), { recursive: true });
  await writeModelFolder(at('replaced'), { ...small, int8: FACTS }, { dtype: 'float32' });
  assert.deepEqual(await rangesIn(at('replaced')), []);
  const { model, readQuantization } = await openModelFolder(at('replaced'));
  assert.deepEqual(model.int8, FACTS);
  assert.equal(readQuantization, undefined);
});

const float32 = (...numbers: readonly number[]) =>
  ({
    dtype: 'float32',
    shape: [numbers.length],
    bytes: new Uint8Array(Float32Array.from(numbers).buffer),
  }) as const;

const FALSE: Readonly<Record<string, readonly [string, Parameters<typeof writeSafetensors>[1] extends ReadonlyMap<string, infer T> ? T : never, RegExp]>> = {
  'a range that is no number': ['range/relu1', float32(0, NaN), /'range\/relu1' has a number that is not finite/],
  'a range without end': ['range/relu1', float32(-Infinity, 1), /not finite/],
  'a range below zero': ['range/relu1', float32(-2, -1), /goes from -2 to -1, expected a range around 0/],
  'a range that is turned over': ['range/relu1', float32(2, -1), /goes from 2 to -1/],
  'three ends': ['range/relu1', float32(0, 1, 2), /is float32 \[3\], expected float32 \[2\]/],
  'too few means': ['means/conv2', float32(0, 1), /is float32 \[2\], expected float32 \[12\]/],
  'means of another type': ['means/conv2', { dtype: 'uint8', shape: [12], bytes: new Uint8Array(12) }, /is uint8 \[12\]/],
  'a layer that is not there': ['range/relu9', float32(0, 1), /'range\/relu9' is of no layer of the network/],
  'means of a layer without input': ['means/input', float32(0, 1), /is of no layer/],
  'another kind of name': ['scale/relu1', float32(1), /is of no layer/],
}; // prettier-ignore

for (const [what, [name, tensor, message]] of Object.entries(FALSE)) {
  test(`refused in one line: ${what}`, async () => {
    const folder = await mkdtemp(at('false-'));
    await cp(at('good'), folder, { recursive: true });
    const [file] = await rangesIn(folder);
    await writeSafetensors(path.join(folder, file!), new Map([[name, tensor]]));
    await assert.rejects(readModelFolder(folder), { code: 'MODEL_INVALID', message });
    assert.notDeepEqual(await verifyModelFolder(folder).catch(() => ['refused']), []);
  });
}

test('refused: a file of another place, of another format, one that is not there, weights of nine bits', async () => {
  const changed = async (from: string | RegExp, to: string) => {
    const folder = await mkdtemp(at('changed-'));
    await cp(at('good'), folder, { recursive: true });
    const text = await readFile(path.join(folder, 'model.json'), 'utf8');
    await writeFile(path.join(folder, 'model.json'), text.replace(from, to));
    return folder;
  };
  const name = /int8-[0-9a-f]{16}\.safetensors/;
  await assert.rejects(readModelFolder(await changed(name, '../../etc/passwd')), { code: 'MODEL_INVALID', message: /expected int8-/ });
  await assert.rejects(readModelFolder(await changed(name, 'int8-0123456789abcdef.safetensors')), { code: 'MODEL_INVALID', message: /is not there/ });
  await assert.rejects(readModelFolder(await changed('"bits":7', '"bits":9')), /expected 7 or 8, received 9/);
  const broken = await changed('x', 'x');
  await writeFile(path.join(broken, (await rangesIn(broken))[0]!), 'no tensors');
  await assert.rejects(readModelFolder(broken), { code: 'FILE_INVALID' });
}); // prettier-ignore
