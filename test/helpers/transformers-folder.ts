// transformers-folder.ts: the files of a small network as transformers' save_pretrained writes them, with made-up weights.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import type { RawTensor } from '../../src/formats/tensor-file.ts';
import { TRANSFORMERS_NETWORKS } from '../../src/zoo/transformers/networks.ts';
import { madeUpStateDict } from './made-up-weights.ts';

export const SMALL_RESNET = {
  model_type: 'resnet',
  architectures: ['ResNetForImageClassification'],
  embedding_size: 16,
  hidden_sizes: [32, 64],
  depths: [1, 1],
  layer_type: 'basic',
  id2label: { 0: 'robin', 1: 'finch', 2: 'wren' },
};

const PROCESSOR = {
  image_processor_type: 'ConvNextImageProcessor',
  size: { shortest_edge: 64 },
  crop_pct: 0.875,
  resample: 3,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
};

function weightsOf(config: {
  readonly model_type: string;
  readonly id2label: object;
}): Map<string, RawTensor> {
  const { network } = TRANSFORMERS_NETWORKS[config.model_type]!(config, 'config.json');
  const state = madeUpStateDict(network.build(Object.keys(config.id2label).length), network.namings[1]);
  return new Map(
    [...state].map(([name, { shape, read }]) => [
      name,
      { dtype: 'float32', shape, bytes: new Uint8Array(read().buffer) },
    ]),
  );
}

async function safetensorsOf(tensors: ReadonlyMap<string, RawTensor>, folder: string): Promise<Buffer> {
  const file = path.join(folder, 'one.safetensors');
  await writeSafetensors(file, new Map(tensors));
  return readFile(file);
}

/** @param folder for what is needed on the way */
export async function transformersFiles(
  folder: string,
  config: typeof SMALL_RESNET = SMALL_RESNET,
): Promise<Record<string, Buffer>> {
  return {
    'config.json': Buffer.from(JSON.stringify(config)),
    'preprocessor_config.json': Buffer.from(JSON.stringify(PROCESSOR)),
    'model.safetensors': await safetensorsOf(weightsOf(config), folder),
  };
}

/** The same weights in two files with an index. */
export async function inTwoFiles(
  folder: string,
  config: typeof SMALL_RESNET = SMALL_RESNET,
): Promise<Record<string, Buffer>> {
  const all = [...weightsOf(config)];
  const half = all.length >> 1;
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const map = Object.fromEntries(all.map(([name], i) => [name, names[i < half ? 0 : 1]]));
  return {
    [names[0]]: await safetensorsOf(new Map(all.slice(0, half)), folder),
    [names[1]]: await safetensorsOf(new Map(all.slice(half)), folder),
    'model.safetensors.index.json': Buffer.from(
      JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }),
    ),
  };
}
