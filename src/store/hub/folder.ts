// folder.ts: a folder as transformers and timm keep a network on a hub: config.json beside model.safetensors, pytorch_model.bin or
// onnx/model.onnx. Also a folder of nothing but an ONNX file.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../util/errors.ts';
import { shellWord } from '../../util/shell-word.ts';
import { CONFIG_FILE, DESCRIBING_FILES, readHubConfig, type HubConfig } from './config.ts';
import { TOKENIZER_FILES } from './text.ts';
import {
  onnxFile,
  onnxHalves,
  precisionsIn,
  tensorFile,
  type Precision,
  type WeightFiles,
} from './weight-files.ts';

export interface HubFolder {
  readonly config?: HubConfig;
  readonly weights: WeightFiles;
  /** The files that say what the network is, by their names. */
  readonly described: readonly string[];
}

interface FolderOptions {
  /** Asks for an ONNX file. */
  readonly precision?: Precision | undefined;
  /** How pictures are prepared is known already. */
  readonly isPrepared?: boolean | undefined;
}

/** What such a folder says. @throws AppError MODEL_NOT_FOUND where it holds no network; FILE_INVALID, MODEL_UNSUPPORTED */
export async function readHubFolder(
  folder: string,
  { precision, isPrepared }: FolderOptions = {},
): Promise<HubFolder> {
  const names = await filesIn(folder);
  if (!isHubFolder(names)) {
    throw new AppError(
      'MODEL_NOT_FOUND',
      `${folder} is not a model folder: expected model.json, or config.json beside model.safetensors, pytorch_model.bin or onnx/model.onnx`,
    );
  }
  const config = names.has(CONFIG_FILE) ? await readHubConfig(folder, names, isPrepared) : undefined;
  const weights = chooseWeights(names, { where: folder, config, precision });
  const ofTexts = weights.text ? TOKENIZER_FILES : [];
  const described = [...DESCRIBING_FILES, ...ofTexts].filter((name) => names.has(name));
  return { ...(config && { config }), weights, described };
}

/** The files in a folder and in `onnx/` of it. */
async function filesIn(folder: string): Promise<ReadonlySet<string>> {
  const here = await readdir(folder).catch((): string[] => []);
  const below = here.includes('onnx')
    ? await readdir(path.join(folder, 'onnx')).catch((): string[] => [])
    : [];
  return new Set([...here, ...below.map((name) => `onnx/${name}`)]);
}

function isHubFolder(names: ReadonlySet<string>): boolean {
  if (names.has('model.json')) return false;
  return (
    [...names].some((name) => name.endsWith('.onnx')) ||
    (names.has(CONFIG_FILE) && tensorFile(names) !== undefined)
  );
}

interface Choice {
  /** The folder or the repository, for messages. */
  readonly where: string;
  readonly config: HubConfig | undefined;
  /** Asks for an ONNX file. */
  readonly precision: Precision | undefined;
}

/** Weights of a network that finch builds, else the ONNX file. @throws AppError MODEL_UNSUPPORTED, MODEL_NOT_FOUND */
export function chooseWeights(names: ReadonlySet<string>, { where, config, precision }: Choice): WeightFiles {
  const tensors = precision === undefined ? tensorFile(names) : undefined;
  if (tensors && config?.isBuilt) return tensors;
  const onnx = config?.text ? onnxHalves(names, precision) : onnxFile(names, precision);
  if (onnx) return onnx;
  if (tensors && config) {
    config.refuseWeights(where);
    return tensors;
  }
  const precisions = precisionsIn(names);
  const found = precisions.length > 0 ? `ONNX files of --dtype ${precisions.join(', ')}` : 'none of them';
  const [first] = precision === undefined ? precisions : [];
  const next =
    first === undefined ? '' : `; choose one: finch models import ${shellWord(where)} --dtype ${first}`;
  throw new AppError(
    'MODEL_NOT_FOUND',
    `${where}: expected ${precision === undefined ? 'model.safetensors, pytorch_model.bin or onnx/model.onnx' : `an ONNX file of --dtype ${precision}`}, found ${found}${next}`,
  );
}
