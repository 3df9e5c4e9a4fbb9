// records.test.ts: records of a run that somebody edited, or that were damaged: every wrong part is named, none is believed.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Command } from 'commander';
import { addLengthFlags, addNetworkFlags, addStageFlags } from '../../src/cli/training-flags.ts';
import { CHECKPOINT_RECORD, DATASET_RECORD, readRunRecord, RUN_CONFIG } from '../../src/run/records.ts';
import { AppError } from '../../src/util/errors.ts';

let file = '';
before(async () => {
  file = path.join(await mkdtemp(path.join(tmpdir(), 'finch-records-')), 'record.json');
});
after(() => rm(path.dirname(file), { recursive: true, force: true }));

const CONFIG = { dataset: '/data', flags: { model: 'resnet18', exif: true, lr: '0.1' }, settings: {} };
const DATASET = { fingerprint: { 'train:a.png': '1 2 3 a' }, failed: ['b.png'] };
const best = { loss: 1, score: 0.5, stage: 'head', epoch: 1 };
const CHECKPOINT = {
  version: 1,
  step: 3,
  tensors: 'tensors-1-0.safetensors',
  seconds: 1.5,
  progress: { rows: [{ ...best, rate: 0.1, trainLoss: 1 }], best, epoch: 1, batch: 0, sums: { loss: 0, right: 0, seen: 0 } }, // prettier-ignore
};

const GOOD = [
  ['config', RUN_CONFIG, CONFIG],
  ['dataset', DATASET_RECORD, DATASET],
  ['checkpoint', CHECKPOINT_RECORD, CHECKPOINT],
] as const;

/** The value with each of its parts, however deep, replaced by something else. */
function* spoilt(value: unknown): Generator<[string, unknown]> {
  for (const other of [null, [], 'x\x1b[31m', -1.5]) yield ['', other];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    for (const [where, part] of spoilt(item)) {
      const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
      (copy as Record<string, unknown>)[key] = part;
      yield [`${key}.${where}`, copy];
    }
  }
}

for (const [name, schema, good] of GOOD) {
  test(`${name}: what was written is read, and a part that is something else is refused or harmless`, async () => {
    await writeFile(file, JSON.stringify(good));
    assert.deepEqual(await readRunRecord(file, schema as typeof RUN_CONFIG), good);
    let refused = 0;
    let cases = 0;
    for (const [, bad] of spoilt(good)) {
      cases++;
      await writeFile(file, JSON.stringify(bad));
      await readRunRecord(file, schema as typeof RUN_CONFIG).catch((error: unknown) => {
        refused++;
        assert.ok(error instanceof AppError && error.code === 'CHECKPOINT_INVALID', String(error));
        assert.ok(error.message.length < 600);
        assert.doesNotMatch(error.message, /\p{Cc}/u);
      });
    }
    assert.ok(refused > cases / 2, `${refused} of ${cases}`);
  });
}

test('the flags of a run are texts, where a command line has texts', async () => {
  for (const lr of [5, null, true, ['0.1']]) {
    await writeFile(file, JSON.stringify({ ...CONFIG, flags: { ...CONFIG.flags, lr } }));
    await assert.rejects(readRunRecord(file, RUN_CONFIG), /flags\.lr: Invalid input/);
  }
});

test('every flag of finetune that has no value is one that a run can be gone on from', async () => {
  const program = addNetworkFlags(addLengthFlags(addStageFlags(new Command())));
  const switches = program.options.filter((option) => option.isBoolean() && !option.negate);
  assert.ok(switches.length >= 3);
  for (const option of switches) {
    const flags = { ...CONFIG.flags, [option.attributeName()]: true };
    await writeFile(file, JSON.stringify({ ...CONFIG, flags }));
    await readRunRecord(file, RUN_CONFIG);
  }
});

test('a record that is not there is none; one that is empty or deep is refused', async () => {
  assert.equal(await readRunRecord(`${file}.none`, DATASET_RECORD), undefined);
  for (const text of ['', '{}', '['.repeat(100_000)]) {
    await writeFile(file, text);
    await assert.rejects(readRunRecord(file, DATASET_RECORD), { code: 'CHECKPOINT_INVALID' });
  }
});
