// crash.test.ts: each command that writes, ended by force or failing at a few of the calls that change files. crash.slow.test.ts tries
// all of them.

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

const NO_SIGNALS = process.platform === 'win32' && 'no SIGKILL';

for (const name of ['classify --figure', 'extract-features', 'models import --force']) {
  test(`${name}: killed in the middle`, { skip: NO_SIGNALS }, async () => {
    await sweep(template, CRASH_CASES[name]!, 'kill', (calls) => [Math.ceil(calls / 2)]);
  });
}
test('finetune: killed before and after its config.json is there', { skip: NO_SIGNALS }, async () => {
  await sweep(template, CRASH_CASES['finetune --epochs 1']!, 'kill', () => [4, 7]);
});
test('models export: the disk fails at the last call', async () => {
  await sweep(template, CRASH_CASES['models export --format safetensors']!, 'EIO', (calls) => [calls]);
});
