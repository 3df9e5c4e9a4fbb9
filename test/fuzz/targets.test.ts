// A part of the fuzz suite that takes seconds: every target's first cases, in this process.

import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { runCases, type FuzzTarget } from './cases.ts';

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
}
