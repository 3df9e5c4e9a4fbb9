// quantize.slow.test.ts: on 200 photos the shipped network in 8 bits gives the classes that it gives in float32.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { quantizeModel } from '../../src/api/models/quantize.ts';
import { workOf } from '../../src/api/work.ts';
import { sharedData } from '../helpers/shared-data.ts';

const photos = sharedData('imagenet-sample');

test('Lite0 on 200 photos: the same class for 97 % or more', { skip: photos.skip }, async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'finch-agreement-'));
  process.env['FINCH_HOME'] = home;
  try {
    const flags = { calibrate: photos.file };
    const { facts, refusal } = await quantizeModel('efficientnet_lite0', flags, workOf({}), () => Promise.resolve(2)); // prettier-ignore
    assert.equal(facts.pictures, 200);
    assert.equal(refusal, undefined);
    assert.ok(facts.agreement >= 0.97, `${facts.agreement}`);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
