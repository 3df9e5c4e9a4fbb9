// The same seed, data and recipe on the onnx engine and on tfjs-node: twenty steps, by finch's two recipes, and by SGD in the
// default one. Each recipe on one network, for an optimizer knows nothing of layers and both networks train on tfjs-node beside PyTorch
// too (training-tfjs-node.slow.test.ts); FINCH_ZOO=all: each recipe on both networks.
//
// With batch norm by the batch's own statistics, and by Adam, which makes a small gradient's step as long as a large one's,
// training amplifies the last bit: the onnx engine moves away from itself when its weights are rounded otherwise, so that is
// measured beside it, and is what the other engine may differ by. SGD with frozen statistics has no such allowance.

import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import type { EngineModel } from '../../src/engine/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import type { TrainableEngine, TrainSpec } from '../../src/engine/training.ts';
import { allWeightShapes } from '../../src/graph/cost.ts';
import { withHeadWeights, withNewHead } from '../../src/graph/new-head.ts';
import { RECIPES, type Recipe } from '../../src/train/recipe.ts';
import { rateAt } from '../../src/train/schedule.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { createRng, type Rng } from '../../src/util/rng.ts';
import { elementCount } from '../../src/util/shape.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const CLASSES = 6;
const SIZE = 64;
const COUNT = 8;
const STEPS = 20;
const TOLERANCE = 1e-3;
/** Half of float32's last bit in each of some 64 operations on the way, which add up as random steps do: 8 times it. */
const ROUNDING = 8 * 2 ** -24;
/** Draws of such noise differ by ten times in single steps; the most of two draws, up to a step, by less. */
const DRAWS = 2;
const NOISE_FACTOR = 4;

/**
 * ResNet-18 as torchvision begins it with `zero_init_residual`: He's kernels, the norms that close a block 0. Frozen norms that do
 * nothing would let the blocks' outputs add up to losses of 60, where a step of the recipe's rate is a jump.
 */
function resnet18(rng: Rng): EngineModel {
  const graph = findArchitecture('resnet18').build(CLASSES);
  const weights = new Map(
    [...allWeightShapes(graph)].map(([name, shape]) => {
      const deviation = Math.sqrt(2 / elementCount(shape.slice(0, -1)));
      const isOne = /gamma|variance/.test(name) && !name.endsWith('bn2/gamma');
      const value = () => (name.endsWith('kernel') ? deviation * rng.normal() : isOne ? 1 : 0);
      return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, value) }] as const;
    }),
  );
  return { graph, weights, ...HALF };
}

/** The shipped network with a new head. */
async function lite0(rng: Rng): Promise<EngineModel> {
  const { graph, weights, preprocessing, classifier } = await readModelFolder(
    path.join(PACKAGE_ROOT, 'models', 'efficientnet_lite0'),
  );
  const [numbers] = weights.get(`${classifier}/kernel`)!.shape as readonly [number, number];
  const kernel = Float32Array.from({ length: numbers * CLASSES }, () => rng.uniform(-0.03, 0.03));
  const { mean, std } = preprocessing!;
  return {
    graph: withNewHead(graph, classifier!, CLASSES),
    weights: withHeadWeights(weights, classifier!, { kernel, bias: new Float32Array(CLASSES) }),
    mean,
    std,
  };
}

/** SGD's rate is a fifth where kernels are depthwise (docs/finetune.md). */
const NETWORKS = {
  resnet18: { begin: resnet18, rate: 0.005, usual: ['default recipe', 'tutorial recipe'] },
  efficientnet_lite0: { begin: lite0, rate: 0.001, usual: ['default recipe with SGD'] },
};
const isAll = process.env['FINCH_ZOO'] === 'all';

/** Noise over a ground whose colour tells the class. */
function batch(step: number) {
  const classes = Array.from({ length: COUNT }, (_, i) => (i + step) % CLASSES);
  const pictures = classes.map((label, i) =>
    madeUpPixels(`${step} ${i}`, SIZE, SIZE).map((noise, at) =>
      at % 3 === label % 3 ? 60 + 25 * label + (noise >> 3) : noise,
    ),
  );
  const data = new Uint8Array(Buffer.concat(pictures));
  return { batch: { data, count: COUNT, height: SIZE, width: SIZE }, targets: { classes } };
}

const variants = (rate: number): Readonly<Record<string, Recipe>> => ({
  'default recipe': RECIPES.default,
  'default recipe with SGD': {
    ...RECIPES.default,
    optimizer: RECIPES.tutorial.optimizer,
    schedule: { ...RECIPES.default.schedule, rate },
  },
  'tutorial recipe': RECIPES.tutorial,
});

/** Of the recipe's first epoch: these steps are all of it. */
async function losses(engine: TrainableEngine, model: EngineModel, recipe: Recipe) {
  const { optimizer, schedule, batchNorm, clipNorm, epochs } = recipe;
  const spec: TrainSpec = {
    size: [SIZE, SIZE],
    batchSize: COUNT,
    loss: { kind: 'cross-entropy' },
    optimizer,
    batchNorm,
    seed: 1,
    ...(clipNorm > 0 && { clipNorm }),
  };
  const trainer = await engine.trainer(model, spec);
  const found: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const { batch: pictures, targets } = batch(step);
    const rate = rateAt(schedule, { epoch: step / STEPS, epochs, stepsPerEpoch: STEPS });
    found.push((await trainer.step(pictures, targets, [rate])).loss);
  }
  await trainer.dispose();
  return found;
}

/** The same weights, each up or down by what roundings add up to. */
function roundedOtherwise(model: EngineModel, rng: Rng): EngineModel {
  const weights = new Map(
    [...model.weights].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => x * (1 + (rng.chance(0.5) ? -1 : 1) * ROUNDING)) },
    ]),
  );
  return { ...model, weights };
}

/** How far losses are off by relative to others: the most up to each step. */
function apart(losses: readonly number[], from: readonly number[]): readonly number[] {
  let most = 0;
  return losses.map((loss, i) => (most = Math.max(most, Math.abs(loss - from[i]!) / from[i]!)));
}

describe('twenty steps on both engines', { skip: await tfjsNodeMissing() }, () => {
  for (const [name, { begin, rate, usual }] of Object.entries(NETWORKS)) {
    for (const [variant, recipe] of Object.entries(variants(rate))) {
      if (!isAll && !usual.includes(variant)) continue;
      const draws = recipe.batchNorm === 'train' || recipe.optimizer.kind !== 'sgd' ? DRAWS : 0;
      test(`${name}, ${variant}`, async (t) => {
        const rng = createRng(1);
        const model = await begin(rng);
        // A second thread mostly waits for the first in pictures this small, and waiting takes a processor.
        const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
        const onnx = await losses(engine, model, recipe);
        const tfjs = await losses(await createTfjsEngine({ device: 'cpu' }), model, recipe);
        assert.ok(onnx.at(-1)! < onnx[0]!, `nothing is learnt: ${onnx.join(' ')}`);
        const off = apart(tfjs, onnx);
        let noise = onnx.map(() => 0);
        // What needs no allowance is not given one.
        const isApart = off.at(-1)! > TOLERANCE;
        for (let draw = 0; draw < (isApart ? draws : 0); draw++) {
          const other = apart(await losses(engine, roundedOtherwise(model, rng), recipe), onnx);
          noise = noise.map((most, i) => Math.max(most, other[i]!));
        }
        t.diagnostic(`losses ${onnx[0]!.toFixed(3)} to ${onnx.at(-1)!.toFixed(3)}, off by ${off.at(-1)!.toExponential(1)} at most${isApart ? `, rounding by ${noise.at(-1)!.toExponential(1)}` : ''}`); // prettier-ignore
        off.forEach((share, i) => {
          const allowed = Math.max(TOLERANCE, NOISE_FACTOR * noise[i]!);
          assert.ok(share <= allowed, `step ${i + 1}: ${tfjs[i]} for ${onnx[i]}, off by ${share}`);
        });
      });
    }
  }
});
