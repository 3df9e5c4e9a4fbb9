// The part of the fuzz suite that continuous integration runs: 20,000 cases of every target, under the watchdog.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fuzz } from './runner.ts';

/** A drawing is rendered by a process of its own, in up to a second. */
const SLOW: Readonly<Record<string, number>> = { drawings: 1000 };
const CASES = 20_000;

const folder = new URL('./targets/', import.meta.url);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
  const name = file.slice(0, -'.js'.length);
  const cases = SLOW[name] ?? CASES;
  test(`${cases} cases of ${name}`, { timeout: 3_600_000 }, async () => {
    const { findings } = await fuzz({ url: new URL(file, folder).href, seed: 1, cases });
    assert.deepEqual(findings, []);
  });
}
