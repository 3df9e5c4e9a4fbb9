// A network of each family, narrow: five training steps beside PyTorch's (test/golden/make_families.py), by the CPU engine.

import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertTrainsLikeGolden, FAMILY_GOLDEN, isShallow } from '../helpers/family-golden.ts';

describe(`five steps of deep networks are those of PyTorch ${FAMILY_GOLDEN.torch}`, () => {
  for (const run of FAMILY_GOLDEN.runs.filter((each) => !isShallow(each))) {
    test(`${run.network}, one of ${run.share} parts of its channels`, async () => {
      await assertTrainsLikeGolden(await createOnnxEngine({ device: 'cpu' }), run);
    });
  }
});
