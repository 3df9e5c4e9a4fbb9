// A part of the fuzz suite that takes seconds: every target's first cases, in this process.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { messageOf } from '../../src/util/errors.ts';
import { makeCase, runCases, type FuzzTarget } from './cases.ts';

/** Native decoders and a process for each drawing take milliseconds. */
const SLOW: Readonly<Record<string, number>> = { drawings: 40, pictures: 1000, 'model-folder': 500 };
const CASES = 1000;

const folder = new URL('./targets/', import.meta.url);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
  const name = file.slice(0, -'.js'.length);
  const cases = SLOW[name] ?? CASES;
  test(`${cases} cases of ${name}`, { timeout: 300_000 }, async () => {
    const { default: target } = (await import(new URL(file, folder).href)) as {
      readonly default: FuzzTarget;
    };
    await runCases(target, { seed: 15, cases });
  });
  test(`${name}: a case is the same again, whatever was made before it`, async () => {
    const { default: target } = (await import(new URL(file, folder).href)) as {
      readonly default: FuzzTarget;
    };
    const numbers = Array.from({ length: 12 }, (_, i) => 7 * i);
    const made = new Map<number, unknown>();
    for (const number of numbers) made.set(number, await described(target, number));
    for (const number of numbers.toReversed()) {
      assert.deepEqual(await described(target, number), made.get(number), `case ${number}`);
    }
  });
}

/** A case's size, and what reading it says. */
async function described(target: FuzzTarget, number: number): Promise<unknown> {
  const { bytes, read } = await makeCase(target, 15, number);
  try {
    await read();
    return { bytes };
  } catch (error) {
    return { bytes, message: messageOf(error) };
  }
}
