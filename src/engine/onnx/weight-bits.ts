// weight-bits.ts: finds out how large weights may be where bytes are multiplied. Processors without VNNI add two products in 16 bits: with
// weights of 8 bits the sum can overflow, and is cut off. A small convolution of the largest numbers tells, on any processor.

import { encodeModel } from '../../formats/onnx-writer.ts';
import type { WeightBits } from '../../quantization/kernel.ts';
import { Emitter } from './emitter.ts';
import { sessionOptions, type Runtime } from './runtime.ts';

const CHANNELS = 64;
const SIDE = 4;
const [LARGEST_BYTE, LARGEST_WEIGHT] = [255, 127];

let found: Promise<WeightBits> | undefined;

/** Asked once in a process. */
export function weightBits(runtime: Runtime): Promise<WeightBits> {
  found ??= probe(runtime);
  return found;
}

async function probe({ InferenceSession, Tensor }: Runtime): Promise<WeightBits> {
  const e = new Emitter();
  const zero = e.byte('uint8', 0);
  const kernel = {
    name: e.declare('kernel'),
    type: 'int8',
    shape: [CHANNELS, CHANNELS, 1, 1],
    content: new Uint8Array(CHANNELS ** 2).fill(LARGEST_WEIGHT),
  } as const;
  // The scale of the output is such that the sum becomes the largest byte.
  const sum = e.scalar(CHANNELS * LARGEST_WEIGHT);
  const one = e.scalar(1);
  e.emit('QLinearConv', ['x', one, zero, kernel.name, one, e.byte('int8', 0), sum, zero], { channels_last: 1 }, { name: 'y', domain: 'com.microsoft' }); // prettier-ignore
  const info = { type: 'uint8', shape: [1, SIDE, SIDE, CHANNELS] } as const;
  const model = encodeModel({
    name: 'products of bytes',
    nodes: e.nodes,
    initializers: [...e.constants, kernel],
    inputs: [{ name: 'x', ...info }],
    outputs: [{ name: 'y', ...info }],
  });
  const session = await InferenceSession.create(
    model,
    sessionOptions({ device: 'cpu', threads: 1, constants: new Uint8Array(), trains: false }),
  );
  try {
    const x = new Uint8Array(SIDE ** 2 * CHANNELS).fill(LARGEST_BYTE);
    const { y } = await session.run({ x: new Tensor('uint8', x, info.shape) });
    return (y!.data as Uint8Array).every((byte) => byte === LARGEST_BYTE) ? 8 : 7;
  } finally {
    await session.release();
  }
}
