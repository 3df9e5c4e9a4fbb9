// records.ts: what a run and a features file keep of themselves, edited by somebody: config.json, dataset.json, state.json,
// features.json.

import { readRunConfig } from '../../../src/api/finetune/run-config.ts';
import { finetuneConfig } from '../../../src/config/finetune.ts';
import { readRecord, settingsDifference } from '../../../src/features/record.ts';
import { CHECKPOINT_RECORD, DATASET_RECORD, readRunRecord } from '../../../src/run/records.ts';
import type { FuzzTarget } from '../cases.ts';
import { damagedTree, jsonBytes, pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';

const PREPROCESSING = {
  size: 24,
  resize: 24,
  mode: 'crop',
  interpolation: 'bilinear',
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
const FLAGS = {
  model: 'efficientnet_lite0',
  exif: true,
  epochs: '3',
  lr: '0.01',
  augment: 'none',
  seed: '0',
  valSplit: '0.2',
};
const CONFIG = {
  finch: '0.1.0',
  dataset: '/data/birds',
  model: 'efficientnet_lite0',
  settings: finetuneConfig('/data/birds', FLAGS).settings,
  flags: FLAGS,
};
const DATASET = { fingerprint: { 'train:a/1.jpg': `12 3 ${'a'.repeat(64)} cat` }, failed: ['a/2.jpg'] };
const ROW = { stage: 'head', epoch: 1, rate: 0.1, trainLoss: 0.5, loss: 0.4, score: 0.9, top1: 0.9 };
const STATE = {
  version: 1,
  step: 10,
  tensors: 'tensors-1-0.safetensors',
  seconds: 3.5,
  progress: {
    rows: [ROW],
    best: { stage: 'head', epoch: 1, loss: null, score: 0.9 },
    epoch: 1,
    batch: 0,
    sums: { loss: 0, right: 0, seen: 0 },
  },
};
const FEATURES = {
  finchFeatures: 1,
  settings: {
    model: 'm', modelSource: 'm', weights: 'a'.repeat(64), layers: ['pool'], pool: 'avg', normalize: false, dtype: 'float32', format: 'npy',
    preprocessing: PREPROCESSING, exif: true, maxPixels: null, device: 'cpu', inputs: ['a.jpg'],
  },
  files: [{ file: 'features.npy', layer: 'pool', rowShape: [8] }],
  complete: false, rows: 3, failed: 0, manifestBytes: 100, errorsBytes: 0,
}; // prettier-ignore

const KINDS: readonly (readonly [record: unknown, read: (file: string) => Promise<unknown>])[] = [
  [CONFIG, (file) => readRunConfig(file, { flags: { exif: true } })],
  [DATASET, (file) => readRunRecord(file, DATASET_RECORD)],
  [STATE, (file) => readRunRecord(file, CHECKPOINT_RECORD)],
  [
    FEATURES,
    async (file) => {
      const record = await readRecord(file);
      return record && settingsDifference(record.settings, record.settings);
    },
  ],
];

const records: FuzzTarget = (rng) => {
  const [record, read] = pick(rng, KINDS);
  const bytes = jsonBytes(rng.chance(0.95) ? damagedTree(record, rng, 1 + rng.integer(3)) : record, rng);
  return { bytes: bytes.length, read: () => read(scratchFile('record.json', bytes)) };
};

export default records;
