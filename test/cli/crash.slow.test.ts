// crash.slow.test.ts: each command that writes, ended by force or failing at every one of the calls that change files.

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

for (const [name, swept] of Object.entries(CRASH_CASES)) {
  for (const mode of MODES) {
    test(`${name}: ${mode}`, async (t) => {
      t.diagnostic(`${await sweep(template, swept, mode)} calls`);
    });
  }
}
