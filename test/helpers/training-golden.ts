// training-golden.ts: reads training.json and trains the same networks in finch.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Graph, Layer, Weight, Weights, WeightRole } from '../../src/graph/layers.ts';
import type { Optimizer, TrainableEngine, TrainSpec } from '../../src/engine/training.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { transpose } from '../../src/util/shape.ts';
import { asModules, type TorchNaming } from '../../src/zoo/record.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { weightsFromTorch } from '../../src/zoo/torch-weights.ts';
import { fnv1a, madeUpPixels, uniform } from './lcg.ts';
import { HALF } from './made-up-model.ts';
import { madeUpStateDict } from './made-up-weights.ts';
import { TRAINING_NETWORKS } from './training-networks.ts';

export interface GoldenRun {
  readonly network: string;
  readonly optimizer: 'sgd' | 'adamw';
  readonly rate: number;
  readonly frozen?: boolean;
  readonly trainFrom?: string;
  readonly losses: readonly number[];
  /** How far PyTorch's own float32 losses are off, relative: the golden ones are float64. */
  readonly float32: number;
  /** Norm, projection on a made-up direction, three values. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

export const TRAINING_GOLDEN = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'training.json'), 'utf8'),
) as {
  readonly batch: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly runs: readonly GoldenRun[];
};

/**
 * ResNet-50 by AdamW runs only with FINCH_ZOO=all: its layers are in its run by SGD, and AdamW is in ResNet-18's run; an optimizer
 * knows nothing of layers.
 */
export const WHOLE_NETWORK_RUNS = TRAINING_GOLDEN.runs.filter(
  ({ network, optimizer }) =>
    process.env['FINCH_ZOO'] === 'all' || network !== 'resnet50' || optimizer !== 'adamw',
);

export const CLASSES = 10;

export const OPTIMIZERS = {
  sgd: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-3 },
  adamw: { kind: 'adamw', weightDecay: 0.05 },
} as const satisfies Record<string, Optimizer>;

interface Network {
  readonly graph: Graph;
  readonly naming: TorchNaming;
}

function goldenNetwork(name: string): Network {
  const own = TRAINING_NETWORKS[name];
  if (own) return { graph: own(), naming: asModules };
  const { build, namings } = findArchitecture(name);
  const graph = build(CLASSES);
  const layers = graph.layers.map((layer) => (layer.kind === 'dropout' ? { ...layer, rate: 0 } : layer));
  return { graph: { ...graph, layers }, naming: namings[0] ?? asModules };
}

/** The pictures that every run sees. */
export function goldenBatch(size: number, count: number) {
  const pictures = Array.from({ length: count }, (_, i) => squares(`training ${i}`, size));
  return {
    batch: { data: new Uint8Array(Buffer.concat(pictures)), count, height: size, width: size },
    targets: { classes: Array.from({ length: count }, (_, i) => (7 * i + 3) % CLASSES) },
  };
}

/** Squares of 8 x 8 colours. */
function squares(name: string, size: number): Uint8Array {
  const colours = madeUpPixels(name, 8, 8);
  const side = size / 8;
  const at = (i: number) => Math.floor(i / side);
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const place = Math.floor(i / 3);
    return colours[(at(Math.floor(place / size)) * 8 + at(place % size)) * 3 + (i % 3)]!;
  });
}

/** Made-up weights, the last norm of a residual branch small. */
export function goldenState(graph: Graph, naming: TorchNaming) {
  const state = madeUpStateDict(graph, naming);
  for (const [name, { shape, read }] of state) {
    if (/(bn3|_bn2|f\.c\.1)\.weight$/.test(name))
      state.set(name, { shape, read: () => read().map((x) => x * 0.125) });
  }
  return state;
}

/** Trains as make_training.py does; the losses and the weights after the last step. */
export async function trainGolden(
  engine: TrainableEngine,
  run: GoldenRun,
  more: Partial<TrainSpec> = {},
): Promise<{ readonly losses: readonly number[]; readonly weights: Weights }> {
  const { graph, naming } = goldenNetwork(run.network);
  const weights = weightsFromTorch(graph, goldenState(graph, naming), run.network, naming);
  const [size] = more.size ?? [TRAINING_GOLDEN.sizes[run.network]!];
  const trainer = await engine.trainer(
    { graph, weights, ...HALF },
    {
      size: [size, size],
      batchSize: TRAINING_GOLDEN.batch,
      loss: { kind: 'cross-entropy' },
      optimizer: OPTIMIZERS[run.optimizer],
      ...(run.frozen && { batchNorm: 'frozen' }),
      ...(run.trainFrom !== undefined && { trainFrom: run.trainFrom.replace(/^_/, '') }),
      ...more,
    },
  );
  const { batch, targets } = goldenBatch(size, more.batchSize ?? TRAINING_GOLDEN.batch);
  const losses: number[] = [];
  for (const _ of run.losses) losses.push((await trainer.step(batch, targets, [run.rate])).loss);
  const trained = await trainer.weights();
  await trainer.dispose();
  return { losses, weights: trained };
}

/** Losses within 1e-4 (or thrice what float32 is off by in PyTorch) and every tensor's fingerprint within 1e-3 of PyTorch's, relative. */
export function assertLikeGolden(
  run: GoldenRun,
  { losses, weights }: { readonly losses: readonly number[]; readonly weights: Weights },
  { lossTolerance = Math.max(1e-4, 3 * run.float32), weightTolerance = 1e-3 } = {},
): void {
  const { graph, naming } = goldenNetwork(run.network);
  run.losses.forEach((loss, i) => {
    const off = Math.abs(losses[i]! - loss) / Math.abs(loss);
    assert.ok(off <= lossTolerance, `loss of step ${i + 1}: ${losses[i]} for ${loss}, off by ${off}`);
  });
  let compared = 0;
  for (const layer of graph.layers) {
    for (const [role, suffix] of Object.entries(SUFFIXES)) {
      const weight = weights.get(`${layer.name}/${role}`);
      if (!weight) continue;
      const name = naming(layer.name, suffix);
      const expected = run.tensors[name];
      assert.ok(expected, name);
      const actual = fingerprint(name, torchOrder(layer, role as WeightRole, weight));
      const [norm] = expected as readonly [number];
      // A projection on n random numbers of variance 1/12 is as large as the norm over √12; single values are smaller.
      expected.forEach((value, i) => {
        const off = Math.abs(actual[i]! - value) / norm;
        assert.ok(off <= weightTolerance, `${name}, number ${i}: ${actual[i]} for ${value}, norm ${norm}`);
      });
      compared++;
    }
  }
  assert.equal(compared, Object.keys(run.tensors).length);
}

const SUFFIXES = {
  kernel: 'weight',
  depthwise_kernel: 'weight',
  gamma: 'weight',
  beta: 'bias',
  bias: 'bias',
  alpha: 'weight',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
} as const satisfies Record<WeightRole, string>;

/** The same numbers in torch's order of axes. */
function torchOrder(layer: Layer, role: WeightRole, { data, shape }: Weight): Float32Array {
  if (role === 'depthwise_kernel') return transpose(data, shape, [2, 3, 0, 1]);
  if (role !== 'kernel') return data;
  return transpose(data, shape, layer.kind === 'dense' ? [1, 0] : [3, 2, 0, 1]);
}

function fingerprint(name: string, values: Float32Array): readonly number[] {
  const direction = fnv1a(`direction ${name}`);
  let [square, projection] = [0, 0];
  values.forEach((value, i) => {
    square += value * value;
    projection += value * (uniform(direction, i) - 0.5);
  });
  const sample = fnv1a(`sample ${name}`);
  const places = [0, 1, 2].map((i) => Math.floor(uniform(sample, i) * values.length));
  return [Math.sqrt(square), projection, ...places.map((place) => values[place]!)];
}
