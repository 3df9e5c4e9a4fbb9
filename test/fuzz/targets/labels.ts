// labels.ts: files of class names in all their forms and encodings.

import assert from 'node:assert/strict';
import { readLabelFile } from '../../../src/labels.ts';
import type { FuzzTarget } from '../cases.ts';
import { pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';
import { encoded, literal, table } from '../texts.ts';

const labels: FuzzTarget = (rng) => {
  const bytes = encoded(rng.chance(0.5) ? table(rng) : literal(rng), rng);
  const name = `names.${pick(rng, ['txt', 'csv', 'json', 'yaml'])}`;
  const classes = 1 + rng.integer(6);
  return {
    bytes: bytes.length,
    read: async () => {
      const names = await readLabelFile(scratchFile(name, bytes), classes);
      assert.equal(names.length, classes);
      for (const { label } of names) assert.equal(typeof label, 'string');
    },
  };
};

export default labels;
