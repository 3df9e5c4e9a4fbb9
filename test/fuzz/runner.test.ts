// The watchdog finds every kind of fault, and goes on behind it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../src/util/rng.ts';
import { faultOf } from './faulty/target.ts';
import { fuzz } from './runner.ts';

const CASES = 16;
const SEED = 1;

test('every fault is found, by the number of its case', { timeout: 120_000 }, async () => {
  const expected = Array.from({ length: CASES }, (_, number) => {
    const [, kind] = faultOf(createRng(SEED).fork('case', number));
    return { number, kind };
  }).filter(({ kind }) => kind !== undefined);
  assert.equal(new Set(expected.map(({ kind }) => kind)).size, 4, 'each kind of fault is among the cases');
  const url = new URL('./faulty/target.js', import.meta.url).href;
  const { findings, cases } = await fuzz({ url, seed: SEED, cases: CASES });
  assert.equal(cases, CASES);
  const found = findings.map(({ number, kind }) => ({ number, kind })).sort((a, b) => a.number - b.number);
  assert.deepEqual(found, expected);
});
