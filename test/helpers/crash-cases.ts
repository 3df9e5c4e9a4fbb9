// crash-cases.ts: the commands that write, each with what it writes, for crash-sweep.ts.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Swept } from './crash-sweep.ts';
import { writeDataset } from './made-up-dataset.ts';
import { writeSmallModel } from './small-model.ts';

/** The folder that every case begins from: two models, pictures, and what a former run has left. */
export async function writeTemplate(folder: string): Promise<void> {
  await writeDataset(path.join(folder, 'data'), ['a', 'b'], 5);
  await writeSmallModel(path.join(folder, 'M'));
  await writeSmallModel(path.join(folder, 'old'), 'softmax');
  await mkdir(path.join(folder, 'out'));
  for (const name of ['f.svg', 'm.onnx', 'm.safetensors'])
    await writeFile(path.join(folder, 'out', name), 'old');
}

const FEATURES = ['out/x.npy', 'out/x.csv', 'out/x.json'] as const;
const MODEL = ['model.json', 'group1-shard1of1.bin'] as const;

/** All are taken for one class by a network of made-up weights. */
const SORTED = [0, 1, 2, 3, 4]
  .flatMap((n) => [`${n}.png`, `${n}-2.png`])
  .map((name) => `out/sorted/class 2/${name}`);

const RUN = ['metrics.csv', ...MODEL.map((name) => `best/${name}`), ...MODEL.map((name) => `last/${name}`)].map((name) => `out/run/${name}`); // prettier-ignore

export const CRASH_CASES: Readonly<Record<string, Swept>> = {
  'classify --figure': {
    command: ['classify', 'data/a/1.png', '--model', 'M', '--figure', 'out/f.svg'],
    whole: ['out/f.svg'],
    result: ['out/f.svg'],
  },
  'classify --sort-into': {
    command: ['classify', 'data', '--model', 'M', '--sort-into', 'out/sorted', '--sort-by', 'copy'],
    whole: SORTED,
    result: SORTED,
  },
  'extract-features': {
    command: ['extract-features', 'data', '--model', 'M', '--out', 'out/x.npy'],
    resume: ['extract-features', 'data', '--model', 'M', '--out', 'out/x.npy', '--resume'],
    whole: [],
    result: FEATURES,
  },
  'models import --force': {
    command: ['finch', 'models', 'import', 'M', '--name', 'same', '--out', 'old', '--force'],
    whole: [],
    // For a moment the new model.json names its shards otherwise than at the end.
    model: 'old',
    result: MODEL.map((name) => `old/${name}`),
  },
  'models export --format tfjs': {
    command: ['finch', 'models', 'export', 'M', '--format', 'tfjs', '--out', 'out/new', '--force'],
    whole: MODEL.map((name) => `out/new/${name}`),
    result: MODEL.map((name) => `out/new/${name}`),
  },
  'models export --format safetensors': {
    command: ['finch', 'models', 'export', 'M', '--format', 'safetensors', '--out', 'out/m.safetensors', '--force'],
    whole: ['out/m.safetensors'],
    result: ['out/m.safetensors'],
  },
  'models export --format onnx': {
    command: ['finch', 'models', 'export', 'M', '--format', 'onnx', '--out', 'out/m.onnx', '--force'],
    whole: ['out/m.onnx'],
    result: ['out/m.onnx'],
  },
  'finetune --epochs 1': {
    command: ['finetune', 'data', '--model', 'M', '--epochs', '1', '--batch-size', '4', '--threads', '1', '--out', 'out/run'],
    resume: ['finetune', '--resume', 'out/run'],
    whole: [],
    result: RUN,
  },
  'finetune --cached-views 2': {
    command: ['finetune', 'data', '--model', 'M', '--epochs', '1', '--batch-size', '4', '--threads', '1', '--train-from', 'conv2', '--cached-views', '2', '--out', 'out/run'],
    resume: ['finetune', '--resume', 'out/run'],
    whole: [],
    result: RUN,
  },
}; // prettier-ignore
