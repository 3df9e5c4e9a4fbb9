// The small golden networks, trained by the tfjs engine in JavaScript. The large ones run on tfjs-node (training-tfjs-node.slow.test.ts).

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import {
  assertLikeGolden,
  TRAINING_GOLDEN,
  trainGolden,
  type GoldenRun,
} from '../helpers/training-golden.ts';
import { TRAINING_NETWORKS } from '../helpers/training-networks.ts';

/** AdamW on one of them: an optimizer knows nothing of layers. FINCH_ZOO=all: on all. */
const WITH_ADAMW = 'squeeze_excite';
const isUsual = ({ network, optimizer }: GoldenRun) =>
  process.env['FINCH_ZOO'] === 'all' || optimizer === 'sgd' || network === WITH_ADAMW;

describe('five steps are PyTorch’s, in JavaScript', () => {
  const runs = TRAINING_GOLDEN.runs.filter(({ network }) => network in TRAINING_NETWORKS);
  for (const run of runs.filter(isUsual)) {
    test(`${run.network}, ${run.optimizer}`, async () => {
      assertLikeGolden(run, await trainGolden(await createTfjsEngine({ device: 'js' }), run));
    });
  }
});
