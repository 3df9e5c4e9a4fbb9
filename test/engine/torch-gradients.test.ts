// Losses, dropout's scale, kinks and ties beside PyTorch's (test/golden/make_gradients.py), on both engines.

import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import type { TrainableEngine } from '../../src/engine/training.ts';
import type { Layer } from '../../src/graph/layers.ts';
import {
  assertStepIsGolden,
  classesOf,
  GRADIENT_GOLDEN,
  kinkGraph,
  kinkWeights,
  poolGraph,
  rowGraph,
  rows,
  twoColours,
} from '../helpers/gradient-golden.ts';

const { count, pictures, shares, labels, losses, dropout, kinks, pools } = GRADIENT_GOLDEN;

const ENGINES: Readonly<Record<string, () => Promise<TrainableEngine>>> = {
  onnx: () => createOnnxEngine({ device: 'cpu', threads: 1 }),
  tfjs: () => createTfjsEngine({ device: 'js' }),
};

const TARGETS = {
  classes: classesOf(count),
  shares: { probabilities: Float32Array.from(shares) },
  labels: { probabilities: Float32Array.from(labels) },
};

for (const [engine, open] of Object.entries(ENGINES)) {
  describe(`as in PyTorch, ${engine}`, () => {
    for (const { spec, targets, scale, ...golden } of losses) {
      test(`${JSON.stringify(spec)} of ${targets}, rows x ${scale}`, async () => {
        const plain = rowGraph();
        const sigmoid: Layer = { kind: 'activation', name: 'p', inputs: ['fc'], activation: 'sigmoid' };
        const graph =
          spec.kind === 'bce' ? { ...plain, layers: [...plain.layers, sigmoid], output: 'p' } : plain;
        const step = { graph, batch: rows(scale), targets: TARGETS[targets], spec: { loss: spec } };
        await assertStepIsGolden(await open(), step, golden);
      });
    }
    for (const { rate, perSample, ...golden } of dropout) {
      test(`what dropout at ${rate} keeps of ${perSample ? 'whole samples' : 'numbers'}`, async () => {
        const graph = rowGraph({ kind: 'dropout', name: 'drop', inputs: ['rows'], rate, ...(perSample && { perSample }) }); // prettier-ignore
        const step = { graph, batch: rows(), targets: TARGETS.classes, spec: { seed: 3 } };
        await assertStepIsGolden(await open(), step, golden);
      });
    }
    for (const { activation, alpha, ...golden } of kinks) {
      for (const from of ['bias', 'norm'] as const) {
        test(`${activation} at its kinks, behind a ${from}`, async () => {
          const { values, ...gradients } = golden.gradients;
          const expected = { ...gradients, [from === 'norm' ? 'norm/beta' : 'first/bias']: values! };
          const graph = kinkGraph(activation, alpha, from);
          const step = { graph, weights: kinkWeights(graph), batch: twoColours(), targets: classesOf(pictures), spec: { batchNorm: 'frozen' } } as const; // prettier-ignore
          await assertStepIsGolden(await open(), step, { ...golden, gradients: expected });
        });
      }
    }
    for (const { pool, ...golden } of pools) {
      test(`equal maxima: ${pool}`, async () => {
        const step = { graph: poolGraph(pool), batch: twoColours(), targets: classesOf(pictures) };
        await assertStepIsGolden(await open(), step, golden);
      });
    }
  });
}
