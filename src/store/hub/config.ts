// config.ts: what the config.json of a folder from a hub says, whoever wrote it.

import path from 'node:path';
import { readJson } from '../../util/json.ts';
import type { PictureSize, Preprocessing } from '../../util/preprocessing.ts';
import type { DescribedNetwork } from '../../zoo/transformers/network-type.ts';
import { readPreprocessorConfig } from '../preprocessor-config.ts';
import { readTimmConfig } from './timm.ts';
import { isTransformersConfig, readTransformersConfig } from './transformers.ts';

/** The class names of ImageNet-21k take 1 MB. */
const MAX_CONFIG_BYTES = 16 * 1024 ** 2;

export const CONFIG_FILE = 'config.json';
export const PREPROCESSOR_FILE = 'preprocessor_config.json';

export interface HubConfig {
  /** The network's name to those who wrote the file. */
  readonly hint: string;
  /** Whether finch builds the network from its weights. */
  readonly isBuilt: boolean;
  /** @throws AppError MODEL_UNSUPPORTED where the weights are none that finch can use, saying what to do */
  readonly refuseWeights: () => void;
  /** Where the config describes the network layer by layer. @throws AppError FILE_INVALID */
  readonly network?: () => DescribedNetwork;
  readonly labels?: readonly string[];
  /** Each class is judged by itself. */
  readonly isMultiLabel?: boolean;
  /** The pictures that the network was made for. */
  readonly size?: PictureSize;
  /** Absent where no file says it. */
  readonly preprocessing?: Preprocessing;
}

/** @param names the files of the folder. @throws AppError FILE_INVALID, MODEL_UNSUPPORTED */
export async function readHubConfig(folder: string, names: ReadonlySet<string>): Promise<HubConfig> {
  const read = (name: string) => {
    const file = path.join(folder, name);
    return readJson(file, { limit: MAX_CONFIG_BYTES, what: file });
  };
  const [json, file] = [await read(CONFIG_FILE), path.join(folder, CONFIG_FILE)];
  const isTimms = !isTransformersConfig(json) || hasField(json, 'pretrained_cfg');
  const config = isTimms ? readTimmConfig(json, file) : readTransformersConfig(json, file);
  if (config.preprocessing || !names.has(PREPROCESSOR_FILE)) return config;
  const preprocessing = readPreprocessorConfig(
    await read(PREPROCESSOR_FILE),
    path.join(folder, PREPROCESSOR_FILE),
  );
  return { ...config, preprocessing };
}

const hasField = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name);
