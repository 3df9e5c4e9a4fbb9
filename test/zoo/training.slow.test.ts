// Narrow networks: five training steps beside PyTorch's (test/golden/make_families.py), by the CPU engine, and of some of them by its
// portable lowering. FINCH_ZOO=all trains one of each family. One thread: a second one mostly waits in networks this narrow.

import { after, before, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertTrainsLikeGolden, DEEP_RUNS, EVERY_KIND, FAMILY_GOLDEN } from '../helpers/family-golden.ts';

const { runs, torch } = FAMILY_GOLDEN;

describe(`five steps of deep networks are those of PyTorch ${torch}`, () => {
  for (const run of DEEP_RUNS) {
    test(`${run.network}, one of ${run.share} parts of its channels`, async () => {
      await assertTrainsLikeGolden(await createOnnxEngine({ device: 'cpu', threads: 1 }), run);
    });
  }
});

describe('the same by the portable lowering', () => {
  let environment: string | undefined;
  before(() => {
    environment = process.env['FINCH_LOWERING'];
    process.env['FINCH_LOWERING'] = 'portable';
  });
  after(() => {
    if (environment === undefined) delete process.env['FINCH_LOWERING'];
    else process.env['FINCH_LOWERING'] = environment;
  });
  for (const run of runs.filter(({ network }) => EVERY_KIND.has(network))) {
    test(run.network, async () => {
      await assertTrainsLikeGolden(await createOnnxEngine({ device: 'cpu', threads: 1 }), run);
    });
  }
});
