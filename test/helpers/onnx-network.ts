// onnx-network.ts: small foreign networks for tests, written down node by node, and computed by plain onnxruntime and by finch.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadRuntime } from '../../src/engine/onnx/runtime.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { encodeModel, type Attribute, type Initializer, type Node } from '../../src/formats/onnx-writer.ts';
import { convertOnnx, type ConvertedOnnx } from '../../src/importers/onnx/convert.ts';
import { elementCount, type Shape } from '../../src/util/shape.ts';
import { assertAllClose } from './assert-all-close.ts';
import { fnv1a, uniform } from './lcg.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'finch-convert-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

export const SIDE = 8;
const COUNT = 2;

type Inputs = readonly (string | Shape | Initializer)[];

/** A network written down node by node; constants are made up where a shape stands for them. */
export class Writer {
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];

  /** Adds a node and gives its output's name, or the first of several. */
  add(op: string, inputs: Inputs, attributes: Readonly<Record<string, Attribute>> = {}, outputs = 1): string {
    const name = `t${this.nodes.length}`;
    const names = inputs.map((input) => (typeof input === 'string' ? input : this.constant(input)));
    this.nodes.push({ op, inputs: names, outputs: Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}.${i}`)), attributes }); // prettier-ignore
    return name;
  }

  constant(given: Shape | Initializer): string {
    const name = `w${this.initializers.length}`;
    if (!('content' in given)) return this.constant(floats(given, madeUp(name, given)));
    this.initializers.push({ ...given, name });
    return name;
  }
}

const madeUp = (name: string, shape: Shape) =>
  Float32Array.from({ length: elementCount(shape) }, (_, i) => uniform(fnv1a(name), i) - 0.4);

export const floats = (shape: Shape, values: Iterable<number>): Initializer => ({ name: '', type: 'float32', shape, content: new Uint8Array(Float32Array.from(values).buffer) }); // prettier-ignore
export const scalar = (value: number) => floats([], [value]);
export const int64s = (...values: readonly number[]): Initializer => ({ name: '', type: 'int64', shape: [values.length], content: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) }); // prettier-ignore
export const index = (value: number): Initializer => ({ ...int64s(value), shape: [] });
export const f = (float: number): Attribute => ({ float });

export type Write = (w: Writer, x: string) => string;

export interface Written {
  readonly opset?: number;
  readonly batch?: number | string;
  readonly isLast?: boolean;
}

function fileOf(write: Write, { opset = 17, batch = 'N', isLast = false }: Written = {}) {
  const w = new Writer();
  const output = write(w, 'x');
  const bytes = encodeModel(
    {
      name: 'small',
      nodes: w.nodes,
      initializers: w.initializers,
      inputs: [
        { name: 'x', type: 'float32', shape: isLast ? [batch, SIDE, SIDE, 3] : [batch, 3, SIDE, SIDE] },
      ],
      outputs: [{ name: output, type: 'float32', shape: ['N', 'C'] }],
    },
    { opsets: new Map([['', opset]]) },
  );
  const file = path.join(scratch, 'small.onnx');
  writeFileSync(file, bytes);
  return file;
}

export async function convert(write: Write, written?: Written) {
  return convertOnnx(await readOnnxModel(fileOf(write, written)), { name: 'small' });
}

/** The network as finch has it, after both have computed the same. */
export async function converted(write: Write, written: Written = {}): Promise<ConvertedOnnx> {
  const file = fileOf(write, written);
  const result = convertOnnx(await readOnnxModel(file), { name: 'small' });
  assert.ok(result.kind === 'converted', JSON.stringify(result));
  const count = typeof written.batch === 'number' ? written.batch : COUNT;
  const data = Uint8Array.from({ length: count * SIDE * SIDE * 3 }, (_, i) =>
    Math.floor(256 * uniform(7, i)),
  );
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ graph: result.graph, weights: result.weights, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }); // prettier-ignore
  const [actual] = await predictor.run({ data, count, height: SIDE, width: SIDE });
  await predictor.dispose();
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const pixels = Float32Array.from(data, (byte) => (byte / 255 - 0.5) / 0.25);
  const input = written.isLast ? pixels : channelsFirst(pixels, count);
  const shape = written.isLast ? [count, SIDE, SIDE, 3] : [count, 3, SIDE, SIDE];
  const results = await session.run({ x: new Tensor('float32', input, shape) });
  const expected = results[session.outputNames[0]!]!.data as Float32Array;
  await session.release();
  assertAllClose(actual!.data, expected, { rtol: 2e-5 });
  return result;
}

function channelsFirst(pixels: Float32Array, count: number): Float32Array {
  const area = SIDE * SIDE;
  return pixels.map((_, i) => {
    const [picture, channel, place] = [
      Math.floor(i / (3 * area)) % count,
      Math.floor(i / area) % 3,
      i % area,
    ];
    return pixels[(picture * area + place) * 3 + channel]!;
  });
}
