// words.ts: texts -> embeddings, by the half of a network that takes texts. They are compared with the embeddings of pictures.

import type { TextHalf } from '../artefact/text-half.ts';
import { openTextEncoder } from '../engine/onnx/text-encoder.ts';
import { TEXT_INPUTS } from '../importers/onnx/text-half.ts';
import { padRows } from '../tokenizer/token-rows.ts';
import { tokenize } from '../tokenizer/tokenize.ts';
import { normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { throwIfAborted, type Work } from './work.ts';

export interface EmbedOptions {
  /** The model's, for messages. */
  readonly name: string;
  /** How many numbers the embedding of a picture has. */
  readonly numbers: number;
  /** As many as there are cores by default. */
  readonly threads?: number | undefined;
}

/**
 * The embedding of each text, of length 1.
 * @throws AppError FILE_INVALID, FILE_UNSAFE for its tokenizer; MODEL_UNSUPPORTED, MODEL_MISMATCH for its network; INTERRUPTED
 */
export async function embedTexts(
  { network, tokenizer, rows }: TextHalf,
  texts: readonly string[],
  { name, numbers, threads }: EmbedOptions,
  work: Work,
): Promise<readonly Float32Array[]> {
  const question = { file: tokenizer, name: `${name}: tokenizer.json`, length: rows.length };
  const tokens = await tokenize(texts, question);
  throwIfAborted(work);
  const encoder = await openTextEncoder(network, { name, mask: TEXT_INPUTS.mask, threads });
  try {
    const embeddings: Float32Array[] = [];
    for (let from = 0; from < tokens.length; from += encoder.batch) {
      embeddings.push(...(await encoder.encode(padRows(tokens.slice(from, from + encoder.batch), rows))));
      work.progress({ task: 'words', done: embeddings.length, total: texts.length, text: `${embeddings.length} of ${texts.length} texts` }); // prettier-ignore
      throwIfAborted(work);
    }
    const other = embeddings.find(({ length }) => length !== numbers);
    if (!other) return embeddings.map(normalized);
    throw new AppError(
      'MODEL_MISMATCH',
      `${name}: its half for texts puts out ${other.length} numbers, its half for pictures ${numbers}; both have to be of one network, exported with their projections`,
    );
  } finally {
    await encoder.dispose();
  }
}
