// crash.slow.test.ts: each command that writes, ended by force or failing at calls that change files: at some of them, spread evenly,
// or with FINCH_SWEEP=all at every one, which takes an hour.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CRASH_CASES, writeTemplate } from '../helpers/crash-cases.ts';
import { sweep } from '../helpers/crash-sweep.ts';

let template = '';
before(async () => {
  template = await mkdtemp(path.join(tmpdir(), 'finch-crash-'));
  await writeTemplate(template);
});
after(() => rm(template, { recursive: true, force: true }));

const MODES =
  process.platform === 'win32' ? (['EIO', 'ENOSPC'] as const) : (['kill', 'EIO', 'ENOSPC'] as const);

const TRIED = 4;

/** Numbers of the calls that are tried. */
function chosen(calls: number): readonly number[] {
  const tried = process.env['FINCH_SWEEP'] === 'all' ? calls : Math.min(calls, TRIED);
  return Array.from({ length: tried }, (_, i) => 1 + Math.floor((i * calls) / tried));
}

for (const [name, swept] of Object.entries(CRASH_CASES)) {
  for (const mode of MODES) {
    test(`${name}: ${mode}`, async (t) => {
      t.diagnostic(`${await sweep(template, swept, mode, chosen)} calls`);
    });
  }
}
