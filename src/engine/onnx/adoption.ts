// adoption.ts: decides once in a process whether this machine trains with the CPU-tuned lowering. It finds how many channels a
// block has, and whether a small step gives the same weights as the portable lowering.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Weights } from '../../graph/layers.ts';
import { allWeightShapes } from '../../graph/cost.ts';
import { elementCount } from '../../util/shape.ts';
import type { Trainer, TrainSpec } from '../training.ts';
import { toBlocked } from './blocked.ts';
import { Emitter } from './emitter.ts';
import { encodeModel } from '../../formats/onnx-writer.ts';
import { sessionOptions, type Runtime } from './runtime.ts';

interface Machine {
  readonly runtime: Runtime;
  readonly threads: number;
  /** Makes a trainer with the given number of channels in a block; 0 means the portable lowering. */
  readonly train: (block: number) => Promise<Trainer>;
}

/** The block sizes of onnxruntime's kernels: AVX-512, and AVX2 or NEON. */
const BLOCKS = [16, 8] as const;

/** Largest difference between the weights of the two lowerings after a step, relative to their largest. */
const AGREEMENT = 1e-4;

let adopted: Promise<number> | undefined;

/**
 * Channels in a block of the CPU-tuned lowering, or 0 for the portable one. The portable one is used with
 * `FINCH_LOWERING=portable`, on a processor without blocked kernels, and where the two lowerings disagree.
 */
export function adoptedBlock(
  runtime: Runtime,
  threads: number,
  make: (spec: TrainSpec, model: SmallModel, block: number) => Promise<Trainer>,
): Promise<number> {
  if (process.env['FINCH_LOWERING'] === 'portable') return Promise.resolve(0);
  const model = smallModel();
  adopted ??= adopt({ runtime, threads, train: (block) => make(SMALL_SPEC, model, block) }).catch(() => 0);
  return adopted;
}

async function adopt({ runtime, threads, train }: Machine): Promise<number> {
  const block = await probeBlock(runtime, threads);
  if (block === 0) return 0;
  const [tuned, portable] = [await stepOnce(await train(block)), await stepOnce(await train(0))];
  for (const [name, { data }] of portable) {
    const other = tuned.get(name)!.data;
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    if (!data.every((x, i) => Math.abs(x - other[i]!) <= AGREEMENT * largest)) return 0;
  }
  return block;
}

/** Reorders a picture of consecutive numbers. The new index of its second place is the size of a block. */
async function probeBlock(runtime: Runtime, threads: number): Promise<number> {
  const channels = 2 * BLOCKS[0];
  const e = new Emitter();
  e.emit('Identity', [toBlocked(e, 'x')], undefined, { name: 'y' });
  const info = { type: 'float32', shape: [1, channels, 1, 2] } as const;
  const model = encodeModel({
    name: 'probe',
    nodes: e.nodes,
    initializers: e.constants,
    inputs: [{ name: 'x', ...info }],
    outputs: [{ name: 'y', ...info }],
  });
  const session = await runtime.InferenceSession.create(
    model,
    sessionOptions({ device: 'cpu', threads, constants: new Uint8Array(), trains: false }),
  );
  const x = Float32Array.from({ length: channels * 2 }, (_, i) => i);
  const { y } = await session.run({ x: new runtime.Tensor('float32', x, [...info.shape]) });
  const second = (y!.data as Float32Array).indexOf(1);
  await session.release();
  return BLOCKS.find((block) => block === second) ?? 0;
}

interface SmallModel {
  readonly graph: Graph;
  readonly weights: Weights;
}

const SIZE = 12;
const COUNT = 3;
const CLASSES = 4;

const SMALL_SPEC: TrainSpec = {
  batchSize: COUNT,
  loss: { kind: 'cross-entropy' },
  optimizer: { kind: 'sgd', momentum: 0.9 },
};

/**
 * Uses every blocked operator: a stem, poolings, dense, grouped and depthwise convolutions with and without strides, a residual sum, joined
 * channels, a gate for each channel, and a way out of blocks and back with channels last. */
function smallModel(): SmallModel {
  const b = graphBuilder('small', SIZE);
  const normed = (from: string, name: string) => b.batchNormalization(from, `${name}.bn`);
  let x = b.activation(
    normed(b.conv2d(b.input, 'stem', { filters: 32, kernel: 3, pad: 1 }), 'stem'),
    'a',
    'relu',
  );
  x = b.maxPooling2d(x, 'pool', { kernel: 3, stride: 2, pad: 1 });
  let y = b.dense(b.layerNormalization(x, 'places'), 'mixed', 32);
  y = b.conv2d(y, 'three', { filters: 32, kernel: 3, pad: 1, groups: 8 });
  y = b.activation(b.add('sum', normed(y, 'three'), x), 'b', 'relu');
  y = b.depthwiseConv2d(y, 'depthwise', { kernel: 3, stride: 2, pad: 'same' });
  y = b.activation(normed(y, 'depthwise'), 'c', 'relu6');
  x = normed(b.conv2d(x, 'point', { filters: 32, kernel: 1, stride: 2 }), 'point');
  y = b.conv2d(b.add('sum2', y, x), 'last', { filters: 64, kernel: 3, stride: 2, pad: 1 });
  const means = b.averagePooling2d(x, 'means', { kernel: 3, stride: 2, pad: 'same' });
  y = b.concatenate('joined', normed(y, 'last'), means);
  let gate = b.reshape(b.globalAveragePooling2d(y, 'squeezed'), 'one place', [1, 1, 96]);
  gate = b.activation(b.conv2d(gate, 'gate', { filters: 96, kernel: 1 }), 'open', 'sigmoid');
  y = b.multiply('gated', y, gate);
  const graph = b.build(b.dense(b.globalAveragePooling2d(y, 'mean'), 'fc', CLASSES));
  const weights = new Map(
    [...allWeightShapes(graph)].map(([name, shape], n) => {
      const scale = shape.length > 1 ? 1 / Math.sqrt(elementCount(shape.slice(0, -1))) : 0.2;
      const middle = name.endsWith('gamma') || name.endsWith('variance') ? 1 : 0;
      const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => middle + scale * wave(i, n));
      return [name, { shape, data }];
    }),
  );
  return { graph, weights };
}

/** Numbers from -1 to 1 without a pattern that could affect the result. */
function wave(i: number, n: number): number {
  return Math.sin(12.9898 * i + 78.233 * n);
}

async function stepOnce(trainer: Trainer): Promise<Weights> {
  const data = Uint8Array.from({ length: COUNT * SIZE * SIZE * 3 }, (_, i) => 128 + 127 * wave(i, 99));
  await trainer.step(
    { data, count: COUNT, height: SIZE, width: SIZE },
    { classes: Array.from({ length: COUNT }, (_, i) => i % CLASSES) },
    [0.1],
  );
  const weights = await trainer.weights();
  await trainer.dispose();
  return weights;
}
