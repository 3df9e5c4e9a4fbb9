// Whole networks on tfjs-node: five steps beside PyTorch's.

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';
import { assertLikeGolden, TRAINING_GOLDEN, trainGolden } from '../helpers/training-golden.ts';

const missing = await tfjsNodeMissing();

describe('five steps are PyTorch’s, on tfjs-node', { skip: missing }, () => {
  for (const run of TRAINING_GOLDEN.runs) {
    const part = run.frozen ? ', frozen batch norm' : run.trainFrom ? `, from ${run.trainFrom}` : '';
    test(`${run.network}, ${run.optimizer}${part}`, async () => {
      assertLikeGolden(run, await trainGolden(await createTfjsEngine({ device: 'cpu' }), run));
    });
  }
});
