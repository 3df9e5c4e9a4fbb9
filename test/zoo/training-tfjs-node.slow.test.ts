// Narrow networks: five training steps beside PyTorch's (test/golden/make_families.py), by tfjs-node. Those that have every kind of
// layer between them run; FINCH_ZOO=all runs one of each family.

import { describe, test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { assertTrainsLikeGolden, EVERY_KIND, FAMILY_GOLDEN } from '../helpers/family-golden.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const missing = await tfjsNodeMissing();

describe('five steps of each family are PyTorch’s, on tfjs-node', { skip: missing }, () => {
  const all = process.env['FINCH_ZOO'] === 'all';
  for (const run of FAMILY_GOLDEN.runs.filter(({ network }) => all || EVERY_KIND.has(network))) {
    test(`${run.network}, one of ${run.share} parts of its channels`, async () => {
      await assertTrainsLikeGolden(await createTfjsEngine({ device: 'cpu' }), run);
    });
  }
});
