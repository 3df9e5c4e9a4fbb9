// config.ts: what the config.json of a folder from a hub says, whoever wrote it.

import path from 'node:path';
import type { AppError } from '../../util/errors.ts';
import { readJson } from '../../util/json.ts';
import type { PictureSize, Preprocessing } from '../../util/preprocessing.ts';
import type { DescribedNetwork } from '../../zoo/transformers/network-type.ts';
import { isReversed, readPreprocessorConfig } from '../preprocessor-config.ts';
import type { TextConfig } from './text.ts';
import { readTimmConfig } from './timm.ts';
import { isTransformersConfig, readTransformersConfig } from './transformers.ts';

/** The class names of ImageNet-21k take 1 MB. */
const MAX_CONFIG_BYTES = 16 * 1024 ** 2;

export const CONFIG_FILE = 'config.json';
/** Of what takes pictures and text: since transformers 5 the preparation of pictures is a field in it. */
const PROCESSOR_FILE = 'processor_config.json';
const PREPROCESSOR_FILE = 'preprocessor_config.json';

/** The files that say what the network is and how its pictures are prepared. */
export const DESCRIBING_FILES: readonly string[] = [CONFIG_FILE, PROCESSOR_FILE, PREPROCESSOR_FILE];

export interface HubConfig {
  /** The network's name in the library that wrote the file. */
  readonly hint: string;
  /** Whether finch builds the network from its weights. */
  readonly isBuilt: boolean;
  /**
   * @param where the folder, or `hf:OWNER/NAME[@REVISION]`
   * @throws AppError MODEL_UNSUPPORTED where finch cannot use the weights; the message says what to do
   */
  readonly refuseWeights: (where: string) => void;
  /** Where the config describes the network layer by layer. @throws AppError FILE_INVALID */
  readonly network?: () => DescribedNetwork;
  readonly labels?: readonly string[];
  /** What is wrong with the names of classes, which does not count where others are given. */
  readonly wrongLabels?: string;
  /** A picture may have several labels: each class gets a probability of its own, by a sigmoid. */
  readonly isMultiLabel?: boolean;
  /** It says that there is one class, which gets a probability by a sigmoid where the network does put out one number. */
  readonly isOneClass?: boolean;
  /** Height and width of the pictures that the network was made for, in pixels. */
  readonly size?: PictureSize;
  /** Where the network also takes texts. */
  readonly text?: TextConfig;
  /** Absent where no file says it. */
  readonly preprocessing?: Preprocessing;
  /** Why what the files say of it is not taken, of which only a network that takes bytes has no need. */
  readonly refusal?: AppError;
  /** It takes pictures as blue, green and red. */
  readonly isBgr?: boolean;
}

/**
 * @param names the files of the folder
 * @param isPrepared how pictures are prepared is known already: what the files say of it does not count
 * @throws AppError FILE_INVALID, MODEL_UNSUPPORTED
 */
export async function readHubConfig(
  folder: string,
  names: ReadonlySet<string>,
  isPrepared = false,
): Promise<HubConfig> {
  const file = path.join(folder, CONFIG_FILE);
  const json = await readConfig(file);
  const isTimms = !isTransformersConfig(json) || fieldOf(json, 'pretrained_cfg') !== undefined;
  const config = isTimms ? readTimmConfig(json, file) : readTransformersConfig(json, file);
  if (config.preprocessing) return config;
  // What is not asked for may be damaged.
  const preparation = await readPreparation(folder, names).catch((error: unknown) => {
    if (isPrepared) return undefined;
    throw error;
  });
  if (!preparation) return config;
  const { json: said, file: where } = preparation;
  const preprocessing = isPrepared ? undefined : readPreprocessorConfig(said, where);
  // Flags say nothing of the order of colours.
  return { ...config, ...(preprocessing && { preprocessing }), ...(isReversed(said) && { isBgr: true }) };
}

/** From the first file that says it, in the order in which transformers looks; undefined where none does. */
async function readPreparation(
  folder: string,
  names: ReadonlySet<string>,
): Promise<{ readonly json: unknown; readonly file: string } | undefined> {
  const processor = path.join(folder, PROCESSOR_FILE);
  const preprocessor = path.join(folder, PREPROCESSOR_FILE);
  const nested = names.has(PROCESSOR_FILE)
    ? fieldOf(await readConfig(processor), 'image_processor')
    : undefined;
  if (nested != null) return { json: nested, file: `${processor}: its 'image_processor'` };
  return names.has(PREPROCESSOR_FILE)
    ? { json: await readConfig(preprocessor), file: preprocessor }
    : undefined;
}

const readConfig = (file: string): Promise<unknown> =>
  readJson(file, { limit: MAX_CONFIG_BYTES, what: file });

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
