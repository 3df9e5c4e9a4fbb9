// A short run of the fuzz target for pictures.

import { test } from 'node:test';
import { createRng } from '../../../src/util/rng.ts';
import { generate, name, run } from '../../fuzz/pictures.ts';

const CASES = 1500;

test(`fuzz: ${CASES} damaged ${name}`, { timeout: 120_000 }, async () => {
  const rng = createRng(15);
  for (let i = 0; i < CASES; i++) {
    const bytes = await generate(rng.fork('case', i));
    try {
      await run(bytes);
    } catch (error) {
      throw new Error(`case ${i}, ${bytes.subarray(0, 16).toString('hex')}…`, { cause: error });
    }
  }
});
