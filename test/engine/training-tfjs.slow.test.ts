// The small golden networks, trained by the tfjs engine in JavaScript. The large ones run on tfjs-node (training-tfjs-node.slow.test.ts).

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { assertLikeGolden, TRAINING_GOLDEN, trainGolden } from '../helpers/training-golden.ts';
import { TRAINING_NETWORKS } from '../helpers/training-networks.ts';

describe('five steps are PyTorch’s, in JavaScript', () => {
  for (const run of TRAINING_GOLDEN.runs.filter(({ network }) => network in TRAINING_NETWORKS)) {
    test(`${run.network}, ${run.optimizer}`, async () => {
      assertLikeGolden(run, await trainGolden(await createTfjsEngine({ device: 'js' }), run));
    });
  }
});
