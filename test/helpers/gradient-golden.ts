// gradient-golden.ts: reads gradients.json and builds the same small networks in finch, rows and pictures as make_gradients.py has them.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Batch, Features } from '../../src/engine/engine.ts';
import type { Loss, Targets, TrainableEngine, TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { ActivationName, Graph, Layer, Weight } from '../../src/graph/layers.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from './assert-all-close.ts';
import { fnv1a, uniform } from './lcg.ts';
import { HALF, madeUpWeights } from './made-up-model.ts';

export interface GoldenAnswer {
  readonly loss: number;
  /** By finch's name of the weight. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

export const GRADIENT_GOLDEN = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'gradients.json'), 'utf8'),
) as {
  readonly count: number;
  readonly numbers: number;
  readonly classes: number;
  readonly channels: number;
  readonly side: number;
  readonly pictures: number;
  readonly values: readonly number[];
  readonly shares: readonly number[];
  readonly labels: readonly number[];
  readonly losses: readonly (GoldenAnswer & {
    readonly spec: Loss;
    readonly targets: 'classes' | 'shares' | 'labels';
    readonly scale: number;
  })[];
  readonly dropout: readonly (GoldenAnswer & { readonly rate: number; readonly perSample: boolean })[];
  readonly kinks: readonly (GoldenAnswer & {
    readonly activation: ActivationName;
    readonly alpha?: number;
  })[];
  readonly pools: readonly (GoldenAnswer & { readonly pool: PoolName })[];
};

const { count, numbers, classes, channels, side, pictures, values } = GRADIENT_GOLDEN;

const fc = (from: string): Layer => ({ kind: 'dense', name: 'fc', inputs: [from], units: classes, useBias: true }); // prettier-ignore

/** A classifier of rows. */
export function rowGraph(...before: readonly Layer[]): Graph {
  const input: Layer = { kind: 'input', name: 'rows', inputs: [], shape: [numbers] };
  const layers = [input, ...before];
  return { name: 'rows', layers: [...layers, fc(layers.at(-1)!.name)], input: 'rows', output: 'fc' };
}

export function rows(scale = 1): Features {
  const seed = fnv1a('rows');
  const data = Float32Array.from({ length: count * numbers }, (_, i) => 2 * uniform(seed, i) - 1);
  return { data: data.map((value) => value * scale), count };
}

export const classesOf = (samples: number): Targets => ({
  classes: Array.from({ length: samples }, (_, i) => (3 * i + 1) % classes),
});

/** A picture whose channels have a value of the golden each, from a bias or a batch norm's shift, then the activation. */
export function kinkGraph(
  activation: ActivationName,
  alpha: number | undefined,
  from: 'bias' | 'norm',
): Graph {
  const b = graphBuilder('kinks', side);
  const isNorm = from === 'norm';
  let x = b.conv2d(b.input, 'first', { filters: channels, kernel: 1, bias: !isNorm });
  if (isNorm) x = b.batchNormalization(x, 'norm');
  const graph = b.build(b.dense(b.globalAveragePooling2d(b.activation(x, 'a', activation), 'mean'), 'fc', classes)); // prettier-ignore
  const layers = graph.layers.map((layer) =>
    layer.kind === 'activation' && alpha !== undefined ? { ...layer, alpha } : layer,
  );
  return { ...graph, layers };
}

/** Weights of `kinkGraph`: the convolution gives zeros. */
export function kinkWeights(graph: Graph): Map<string, Weight> {
  const weights = madeUpWeights(graph);
  const set = (name: string, value: (i: number) => number) => {
    const weight = weights.get(name);
    if (weight) weights.set(name, { ...weight, data: weight.data.map((_, i) => value(i)) });
  };
  set('first/kernel', () => 0);
  set('norm/gamma', () => 1);
  set('norm/moving_mean', () => 0);
  set('norm/moving_variance', () => 1);
  for (const name of ['first/bias', 'norm/beta']) set(name, (i) => values[i]!);
  return weights;
}

const POOLS = {
  '2x2 at stride 2': (b, x) => b.maxPooling2d(x, 'pool', { kernel: 2, stride: 2 }),
  '3x3 at stride 2, padded': (b, x) => b.maxPooling2d(x, 'pool', { kernel: 3, stride: 2, pad: 1 }),
  '3x3 at stride 1': (b, x) => b.maxPooling2d(x, 'pool', { kernel: 3, stride: 1 }),
  all: undefined,
} as const satisfies Readonly<
  Record<string, undefined | ((b: ReturnType<typeof graphBuilder>, x: string) => string)>
>;
type PoolName = keyof typeof POOLS;

/** Maxima over a picture. */
export function poolGraph(name: PoolName): Graph {
  const b = graphBuilder('pools', side);
  const x = b.activation(
    b.conv2d(b.input, 'first', { filters: channels, kernel: 1, bias: true }),
    'relu',
    'relu',
  );
  const graph = b.build(POOLS[name]?.(b, x) ?? x);
  const more: readonly Layer[] = POOLS[name]
    ? [{ kind: 'flatten', name: 'flat', inputs: ['pool'] }, fc('flat')]
    : [{ kind: 'globalMaxPooling2d', name: 'all', inputs: ['relu'] }, fc('all')];
  return { ...graph, layers: [...graph.layers, ...more], output: 'fc' };
}

/** Pictures of two colours, -2 and 2 once they are normalised. */
export function twoColours(): Batch {
  const seed = fnv1a('two colours');
  const length = pictures * side * side * 3;
  const data = Uint8Array.from({ length }, (_, i) => (uniform(seed, i) < 0.5 ? 0 : 255));
  return { data, count: pictures, height: side, width: side };
}

interface Step {
  readonly graph: Graph;
  readonly weights?: Map<string, Weight>;
  readonly batch: Batch | Features;
  readonly targets: Targets;
  readonly spec?: Partial<TrainSpec>;
}

/** One step at rate 1 without momentum: what the weights lose is the gradient. Both have to be the golden ones. */
export async function assertStepIsGolden(
  engine: TrainableEngine,
  { graph, weights = madeUpWeights(graph), batch, targets, spec }: Step,
  { loss, gradients }: GoldenAnswer,
): Promise<void> {
  const trainer = await engine.trainer(
    { graph, weights, ...HALF },
    { batchSize: batch.count, loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' }, ...spec },
  );
  try {
    const result = await trainer.step(batch, targets, [1]);
    const after = await trainer.weights();
    assertAllClose([result.loss], [loss], { rtol: 2e-6 }, 'loss');
    for (const [name, expected] of Object.entries(gradients)) {
      const before = weights.get(name)!.data;
      const moved = before.map((value, i) => value - after.get(name)!.data[i]!);
      // The difference of two weights has the rounding error of the weights, which are at most 8 here.
      const largest = Math.max(...before.map(Math.abs), 1);
      assertAllClose(moved, expected, { rtol: 1e-5, atol: 2e-7 * largest }, name);
    }
  } finally {
    await trainer.dispose();
  }
}
