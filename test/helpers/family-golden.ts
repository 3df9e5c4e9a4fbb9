// family-golden.ts: reads families.json, builds the same narrow networks in finch, and trains them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TrainableEngine } from '../../src/engine/training.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { asModules, type TorchNaming } from '../../src/zoo/record.ts';
import { weightsFromTorch, weightsToTorch } from '../../src/zoo/torch-weights.ts';
import { fnv1a, uniform } from './lcg.ts';
import { HALF } from './made-up-model.ts';
import { narrowed } from './narrowed.ts';
import { CLASSES, goldenBatch, goldenState, OPTIMIZERS } from './training-golden.ts';

export interface FamilyRun {
  readonly network: string;
  readonly size: number;
  readonly share: number;
  readonly optimizer: keyof typeof OPTIMIZERS;
  readonly rate: number;
  /** Batch norm keeps its statistics; kernels are made up so many times larger. */
  readonly frozen?: number;
  /** How far PyTorch's own float32 losses are off, relative: the golden ones are float64. */
  readonly float32: number;
  readonly losses: readonly number[];
  /** A hash of the sorted names of all tensors. */
  readonly names: number;
  /** Of what each tensor moved: the norm, the projection on a made-up direction, and how far off PyTorch's float32 is. */
  readonly tensors: readonly (readonly [norm: number, projection: number, float32: number])[];
}

export const FAMILY_GOLDEN = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'families.json'), 'utf8'),
) as { readonly torch: string; readonly batch: number; readonly runs: readonly FamilyRun[] };

/** Networks of few layers, which are compiled in a second. */
export const isShallow = ({ tensors }: FamilyRun) => tensors.length < 60;

type NarrowNetwork = Pick<FamilyRun, 'network' | 'size' | 'share' | 'frozen'>;

interface FamilyNetwork {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly naming: TorchNaming;
}

/** The network of a run: all its layers, a part of its channels, made-up weights. */
export function familyNetwork({ network, size, share, frozen = 1 }: NarrowNetwork): FamilyNetwork {
  const { build, classifier, namings } = findArchitecture(network);
  const naming = namings[0] ?? asModules;
  const graph = narrowed(build(CLASSES, [size, size]), classifier, share, size);
  const state = goldenState(graph, naming);
  for (const [name, { shape, read }] of state) {
    if (shape.length === 4 && shape[1]! > 1)
      state.set(name, { shape, read: () => read().map((x) => x * frozen) });
  }
  return { graph, weights: weightsFromTorch(graph, state, network, naming), naming };
}

/**
 * Five steps: losses within 1e-4 of PyTorch's (or thrice what its float32 is off), relative; every tensor within 1e-3 of its norm
 * (or of what it moved, where that is more, as running means do), and what it moved within 1e-2 (or five times what float32 is off),
 * so that no layer's gradient hides behind the others'.
 */
export async function assertTrainsLikeGolden(engine: TrainableEngine, run: FamilyRun): Promise<void> {
  const { graph, weights, naming } = familyNetwork(run);
  const trainer = await engine.trainer(
    { graph, weights, ...HALF },
    {
      batchSize: FAMILY_GOLDEN.batch,
      loss: { kind: 'cross-entropy' },
      optimizer: OPTIMIZERS[run.optimizer],
      ...(run.frozen !== undefined && { batchNorm: 'frozen' }),
    },
  );
  const { batch, targets } = goldenBatch(run.size, FAMILY_GOLDEN.batch);
  const losses: number[] = [];
  for (const _ of run.losses) losses.push((await trainer.step(batch, targets, [run.rate])).loss);
  const trained = await trainer.weights();
  await trainer.dispose();

  run.losses.forEach((loss, i) => {
    const off = Math.abs(losses[i]! - loss) / loss;
    assert.ok(off <= Math.max(1e-4, 3 * run.float32), `loss of step ${i + 1}: ${losses[i]} for ${loss}, off by ${off}`); // prettier-ignore
  });
  const inTorch = (these: Weights) => weightsToTorch(graph, these, naming);
  const before = inTorch(weights);
  const after = inTorch(trained);
  const names = [...after.keys()].toSorted();
  assert.equal(names.length, run.tensors.length);
  assert.equal(fnv1a(names.join('\n')), run.names, 'tensors have other names than in PyTorch');
  names.forEach((name, place) => {
    const start = before.get(name)!.data;
    const [norm, projection, float32] = run.tensors[place]!;
    const moved = Float64Array.from(after.get(name)!.data, (value, i) => value - start[i]!);
    const whole = Math.max(normOf(start), norm);
    // Each of five sums is rounded to float32.
    const limit = Math.min(1e-3 * whole, Math.max(1e-2 * norm, 5 * float32) + 5 * 6e-8 * whole);
    const direction = fnv1a(`direction ${name}`);
    const actual = [
      normOf(moved),
      moved.reduce((sum, value, i) => sum + value * (uniform(direction, i) - 0.5), 0),
    ];
    [norm, projection].forEach((expected, i) => {
      const off = Math.abs(actual[i]! - expected);
      assert.ok(off <= limit, `${name}, ${i === 0 ? 'norm' : 'projection'} of what it moved: ${actual[i]} for ${expected}, limit ${limit}`); // prettier-ignore
    });
  });
}

const normOf = (values: Iterable<number>) => {
  let square = 0;
  for (const value of values) square += value * value;
  return Math.sqrt(square);
};

/**
 * Deep networks that train only with FINCH_ZOO=all: each has its forward pass and its names compared with PyTorch's in
 * networks.test.ts, and each of its layers (kind, kernel, strides, padding, groups) is in another network that trains. What only two
 * of them have is elsewhere: Inception-ResNet's rescaling in `shuffled` of training-networks.test.ts and in gradients.test.ts,
 * NASNet's average pooling in its own runs by the portable lowering and on tfjs-node. Its cells are PNASNet's, which trains.
 */
const ALSO_IN_OTHERS: ReadonlySet<string> = new Set(['inception_v3', 'inception_v4', 'inception_resnet_v2', 'nasnetamobile', 'xception41', 'seresnet50', 'regnet_y_400mf', 'efficientnet_b0', 'mnasnet0_5', 'mobilenet_v2', 'resnet18']); // prettier-ignore

const isAll = process.env['FINCH_ZOO'] === 'all';

/** The deep networks that train, in the usual suite or, with FINCH_ZOO=all, altogether. */
export const DEEP_RUNS = FAMILY_GOLDEN.runs.filter(
  (run) => !isShallow(run) && (isAll || !ALSO_IN_OTHERS.has(run.network)),
);

/** Networks that have every kind of layer between them. */
export const EVERY_KIND: ReadonlySet<string> = new Set(['vgg11_bn', 'googlenet', 'resnext50_32x4d', 'shufflenet_v2_x0_5', 'mobilenet_v3_small', 'convnext_tiny', 'nasnetamobile']); // prettier-ignore
