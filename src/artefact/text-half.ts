// text-half.ts: the half of a network that takes texts, written into a model folder and read from it.

import { createHash } from 'node:crypto';
import path from 'node:path';
import type { OnnxModel } from '../formats/onnx-model.ts';
import { MAX_TOKENIZER_BYTES } from '../tokenizer/token-rows.ts';
import { AppError } from '../util/errors.ts';
import { isThere, readRegularFile, writeFileAtomic } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { networkFile, readNetwork, writeNetwork } from './network-file.ts';
import { TOKENIZER_NAME, type TextFacts, type TextUse } from './text-facts.ts';

/** Its output is compared with the embedding of a picture. */
export interface TextHalf extends TextUse {
  readonly network: OnnxModel;
  /** The bytes of tokenizer.json. */
  readonly tokenizer: Uint8Array;
}

/** Writes its files, and returns what model.json says of it. @throws AppError WRITE_FAILED, MODEL_UNSUPPORTED */
export async function writeTextHalf(
  folder: string,
  { network, tokenizer, rows, comparison }: TextHalf,
): Promise<TextFacts> {
  const file = networkFile(network);
  await writeNetwork(folder, file);
  const sum = createHash('sha256').update(tokenizer).digest('hex');
  const name = `tokenizer-${sum.slice(0, 16)}.json`;
  if (!(await isThere(path.join(folder, name)))) await writeFileAtomic(path.join(folder, name), tokenizer);
  return { network: file.name, tokenizer: name, rows, comparison };
}

/** @throws AppError MODEL_INVALID, FILE_INVALID, FILE_UNSAFE, MODEL_UNSUPPORTED */
export async function readTextHalf(
  folder: string,
  { network, tokenizer, rows, comparison }: TextFacts,
): Promise<TextHalf> {
  if (!TOKENIZER_NAME.test(tokenizer)) {
    throw new AppError(
      'MODEL_INVALID',
      `${folder}: its tokenizer is called '${quoted(tokenizer)}', expected tokenizer-….json`,
    );
  }
  const read = await readNetwork(folder, network);
  const bytes = await readRegularFile(path.join(folder, tokenizer), { limit: MAX_TOKENIZER_BYTES });
  return { network: read, tokenizer: bytes, rows, comparison };
}
