// A network of each family, narrow: five training steps beside PyTorch's (test/golden/make_families.py). The shallow ones run here,
// others in training.slow.test.ts.

import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertTrainsLikeGolden, FAMILY_GOLDEN, isShallow } from '../helpers/family-golden.ts';

describe(`five steps of shallow networks are those of PyTorch ${FAMILY_GOLDEN.torch}`, () => {
  for (const run of FAMILY_GOLDEN.runs.filter(isShallow)) {
    test(`${run.network}, one of ${run.share} parts of its channels`, async () => {
      await assertTrainsLikeGolden(await createOnnxEngine({ device: 'cpu', threads: 1 }), run);
    });
  }
});
