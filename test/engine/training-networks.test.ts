// Whole networks: five steps beside PyTorch's, from the same made-up weights and pictures (test/golden/make_training.py).

import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertLikeGolden, TRAINING_GOLDEN, trainGolden } from '../helpers/training-golden.ts';

describe('five steps are PyTorch’s', () => {
  for (const run of TRAINING_GOLDEN.runs) {
    const part = run.frozen ? ', frozen batch norm' : run.trainFrom ? `, from ${run.trainFrom}` : '';
    test(`${run.network}, ${run.optimizer}${part}`, async () => {
      assertLikeGolden(run, await trainGolden(await createOnnxEngine({ device: 'cpu' }), run));
    });
  }
});
