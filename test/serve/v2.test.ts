// v2.test.ts: the KServe v2 protocol with a client written by hand: tensors in JSON and behind it, and what is refused.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { fnv1a, uniform } from '../helpers/lcg.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { draw } from '../helpers/pictures.ts';
import { post, startServed, type Served } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const SHAPE = [2, 24, 24, 3] as const;
const INFER = '/v2/models/small/infer';

let scratch = '';
let served: Served;
let picture: Buffer;
/** `[2,24,24,3]` */
const pixels = Uint8Array.from({ length: 2 * 24 * 24 * 3 }, (_, i) => 256 * uniform(fnv1a('pixels'), i));

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-v2-'));
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
  await writeSmallModel(path.join(scratch, 'small'));
  picture = await readFile(await draw(path.join(scratch, 'a.png'), 'disc'));
  served = await startServed(path.join(scratch, 'small'));
});

after(async () => {
  await served.close();
  await rm(scratch, { recursive: true, force: true });
});

interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data?: readonly number[];
  readonly parameters?: { readonly binary_data_size?: number };
}
interface Inferred {
  readonly id?: string;
  readonly model_name: string;
  readonly outputs: readonly [Output];
}

/** A request in JSON alone. */
async function inJson(input: object, rest = {}): Promise<Inferred> {
  const response = await post(served.base, INFER, JSON.stringify({ inputs: [input], ...rest }));
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Inferred;
}

/** A request whose tensor lies behind the JSON. */
function binary(input: object, bytes: Uint8Array, rest = {}): Promise<Response> {
  const parameters = { binary_data_size: bytes.length };
  const json = Buffer.from(JSON.stringify({ inputs: [{ ...input, parameters }], ...rest }));
  const headers = { 'inference-header-content-length': `${json.length}` };
  return post(served.base, INFER, Buffer.concat([json, bytes]), headers);
}

/** The element of a tensor of bytes. */
function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const probabilitiesOf = ({ outputs: [{ data }] }: Inferred) => Float32Array.from(data!);

test('what the model takes and gives, its health and its versions', async () => {
  const json = async (route: string) => (await fetch(served.base + route)).json();
  const described = await json('/v2/models/small');
  assert.deepEqual(described, {
    name: 'small',
    versions: ['1'],
    platform: 'finch',
    inputs: [
      { name: 'image', datatype: 'BYTES', shape: [-1] },
      { name: 'pixels', datatype: 'UINT8', shape: [-1, 24, 24, 3] },
      { name: 'normalized', datatype: 'FP32', shape: [-1, 24, 24, 3] },
    ],
    outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 7] }],
  });
  assert.deepEqual(await json('/v2/models/small/versions/1'), described);
  const status = async (route: string) => (await fetch(served.base + route)).status;
  for (const route of [
    '/v2',
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/small/ready',
    '/v2/models/small/versions/1/ready',
  ]) {
    // prettier-ignore
    assert.equal(await status(route), 200, route);
  }
  for (const route of ['/v2/models/other', '/v2/models/other/ready', '/v2/models/small/versions/2']) {
    assert.equal(await status(route), 404, route);
  }
});

test('an encoded picture: the probabilities of /v1/classify, in JSON and behind it', async () => {
  const classified = (await (await post(served.base, '/v1/classify?topk=7', picture)).json()) as {
    predictions: readonly { index: number; probability: number }[];
  };
  const text = { name: 'image', datatype: 'BYTES', shape: [1], data: [picture.toString('base64')] };
  const told = await inJson(text, { id: 'seven' });
  assert.equal(told.id, 'seven');
  assert.equal(told.model_name, 'small');
  const probabilities = probabilitiesOf(told);
  for (const { index, probability } of classified.predictions) {
    assertAllClose([probabilities[index]!], [probability], { rtol: 0, atol: 1e-6 });
  }
  const outputs = [{ name: 'probabilities', parameters: { binary_data: true } }];
  const response = await binary({ name: 'image', datatype: 'BYTES', shape: [1] }, framed(picture), {
    outputs,
  });
  const length = Number(response.headers.get('inference-header-content-length'));
  const body = Buffer.from(await response.arrayBuffer());
  const { outputs: [output] } = JSON.parse(body.toString('utf8', 0, length)) as Inferred; // prettier-ignore
  assert.deepEqual(output, { name: 'probabilities', datatype: 'FP32', shape: [1, 7], parameters: { binary_data_size: 28 } }); // prettier-ignore
  assert.deepEqual(new Float32Array(new Uint8Array(body.subarray(length)).buffer), probabilities);
});

test('pixels, and the same normalised, give the same probabilities, in JSON and behind it', async () => {
  const normalised = Float32Array.from(pixels, (x, i) => (x / 255 - HALF.mean[i % 3]!) / HALF.std[i % 3]!);
  const uint8 = { name: 'pixels', datatype: 'UINT8', shape: SHAPE };
  const fp32 = { name: 'normalized', datatype: 'FP32', shape: SHAPE };
  const expected = probabilitiesOf(await inJson({ ...uint8, data: Array.from(pixels) }));
  assert.equal(expected.length, 14);
  assert.deepEqual(probabilitiesOf((await (await binary(uint8, pixels)).json()) as Inferred), expected);
  const floats = new Uint8Array(normalised.buffer);
  const others = [
    await inJson({ ...fp32, data: Array.from(normalised) }),
    (await (await binary(fp32, floats)).json()) as Inferred,
  ];
  for (const other of others) assertAllClose(probabilitiesOf(other), expected, { rtol: 1e-4, atol: 1e-6 });
  const row = 24 * 3;
  const nested = [0, 1].map((n) => Array.from({ length: 24 }, (_, y) => Array.from(pixels.subarray((n * 24 + y) * row, (n * 24 + y + 1) * row)))); // prettier-ignore
  assert.deepEqual(probabilitiesOf(await inJson({ ...uint8, data: nested })), expected);
});

test('wrong tensors are refused, with the message where clients of the protocol look for it', async () => {
  const uint8 = { name: 'pixels', datatype: 'UINT8', shape: SHAPE };
  const send = (json: unknown) => post(served.base, INFER, JSON.stringify(json));
  const inputs = (input: object) => send({ inputs: [input] });
  const answers: readonly (readonly [string, Response, RegExp])[] = [
    ['no JSON', await post(served.base, INFER, '{'), /is not JSON/],
    ['no inputs', await send({}), /inputs/],
    ['two inputs', await send({ inputs: [uint8, uint8] }), /expected one input/],
    ['another type', await inputs({ ...uint8, datatype: 'INT64', data: [] }), /datatype must be/],
    ['another shape', await inputs({ ...uint8, shape: [1, 3, 24, 24], data: [] }), /must be \[N,24,24,3\]/],
    ['no picture', await inputs({ ...uint8, shape: [0, 24, 24, 3], data: [] }), /must be \[N,24,24,3\]/],
    ['a shape of many', await inputs({ ...uint8, shape: [2 ** 50, 24, 24, 3], data: [1] }), /has 1 elements/],
    ['too few', await inputs({ ...uint8, data: [1, 2, 3] }), /has 3 elements/],
    ['a fraction', await inputs({ ...uint8, data: Array.from(pixels, () => 0.5) }), /whole numbers from 0 to 255/], // prettier-ignore
    ['neither data nor bytes', await inputs(uint8), /either data or binary_data_size/],
    ['too few bytes', await binary(uint8, pixels.subarray(1)), /elements/],
    ['an element that ends early', await binary({ name: 'image', datatype: 'BYTES', shape: [1] }, new Uint8Array([9, 0, 0, 0, 1])), /end within/], // prettier-ignore
    ['no elements', await binary({ name: 'image', datatype: 'BYTES', shape: [0] }, new Uint8Array(0)), /elements/], // prettier-ignore
    ['another output', await send({ inputs: [{ ...uint8, data: Array.from(pixels) }], outputs: [{ name: 'logits' }] }), /only output is probabilities/], // prettier-ignore
    ['a long header', await post(served.base, INFER, '{}', { 'inference-header-content-length': '99' }), /must be at most/], // prettier-ignore
  ]; // prettier-ignore
  for (const [what, response, message] of answers) {
    const { code, detail, error } = (await response.json()) as Record<string, string>;
    assert.equal(response.status, 400, what);
    assert.equal(code, 'USAGE', what);
    assert.match(detail!, message, what);
    assert.equal(error, detail);
  }
  const broken = await binary({ name: 'image', datatype: 'BYTES', shape: [1] }, framed(Buffer.from('hello')));
  assert.equal(broken.status, 422);
});
