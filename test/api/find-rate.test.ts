// find-rate.test.ts: `--find-lr` begins where stage 2 begins, with the head that stage 1 finds.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { findRate } from '../../src/api/finetune/look-ahead.ts';
import { prepareRun } from '../../src/api/finetune/run.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (name: string) => path.join(scratch, name);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-rates-'));
  process.env['FINCH_HOME'] = at('home');
  await writeSmallModel(at('small'));
  await writeDataset(at('data'), ['a', 'b', 'c'], 8);
});

after(() => rm(scratch, { recursive: true, force: true }));

it('begins with the head of stage 1, not with one that knows nothing', async () => {
  const flags = { model: at('small'), augment: 'none', batchSize: '8', exif: true } as const;
  const more = { device: 'auto', engine: 'auto', threads: '1' };
  const work = { signal: new AbortController().signal, note: () => {}, progress: () => {} };
  const prepared = await prepareRun(at('data'), { ...flags, ...more }, work);
  const { points } = await findRate(prepared, work);
  const [, loss] = points[0]!;
  assert.ok(loss < Math.log(3) / 2, `${loss}, where a head that knows nothing has ${Math.log(3)}`);
});
