// Whole networks: five steps beside PyTorch's, from the same made-up weights and pictures (test/golden/make_training.py).

import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertLikeGolden, trainGolden, WHOLE_NETWORK_RUNS } from '../helpers/training-golden.ts';

/** Of a few pictures a second thread mostly waits, which takes a processor: one network has as many threads as there are cores. */
const threadsOf = (network: string) => (network === 'resnet18' ? {} : { threads: 1 });

describe('five steps are PyTorch’s', () => {
  for (const run of WHOLE_NETWORK_RUNS) {
    const part = run.frozen ? ', frozen batch norm' : run.trainFrom ? `, from ${run.trainFrom}` : '';
    test(`${run.network}, ${run.optimizer}${part}`, async () => {
      const engine = await createOnnxEngine({ device: 'cpu', ...threadsOf(run.network) });
      assertLikeGolden(run, await trainGolden(engine, run));
    });
  }
});
