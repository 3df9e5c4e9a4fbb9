// A network of each family, narrow: five training steps beside PyTorch's (test/golden/make_families.py), by tfjs-node.

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { assertTrainsLikeGolden, FAMILY_GOLDEN } from '../helpers/family-golden.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const missing = await tfjsNodeMissing();

describe('five steps of each family are PyTorch’s, on tfjs-node', { skip: missing }, () => {
  for (const run of FAMILY_GOLDEN.runs) {
    test(`${run.network}, one of ${run.share} parts of its channels`, async () => {
      await assertTrainsLikeGolden(await createTfjsEngine({ device: 'cpu' }), run);
    });
  }
});
