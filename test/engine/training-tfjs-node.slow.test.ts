// Whole networks on tfjs-node: five steps beside PyTorch's.

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';
import { assertLikeGolden, trainGolden, WHOLE_NETWORK_RUNS } from '../helpers/training-golden.ts';

const missing = await tfjsNodeMissing();

describe('five steps are PyTorch’s, on tfjs-node', { skip: missing }, () => {
  for (const run of WHOLE_NETWORK_RUNS) {
    const part = run.frozen ? ', frozen batch norm' : run.trainFrom ? `, from ${run.trainFrom}` : '';
    test(`${run.network}, ${run.optimizer}${part}`, async () => {
      assertLikeGolden(run, await trainGolden(await createTfjsEngine({ device: 'cpu' }), run));
    });
  }
});
