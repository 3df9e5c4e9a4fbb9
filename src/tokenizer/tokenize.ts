// tokenize.ts: texts -> the token numbers that a network takes, as its own tokenizer.json says. The file is from outside, and its
// patterns can be made to run for ever: it is read in a thread with a limit of time and of memory.

import { askOnce } from '../util/ask-once.ts';
import { AppError } from '../util/errors.ts';
import type { Answer, Question } from './tokenizer-worker.ts';

/** The largest vocabularies take some seconds; where the machine is busy, several times as long. */
const MAX_SECONDS = 120;
const MAX_MEMORY_MB = 2048;

export interface TokenizeOptions {
  /** The bytes of tokenizer.json. */
  readonly file: Uint8Array;
  /** What messages call it. */
  readonly name: string;
  /** The most tokens of a text, those before and after it included. */
  readonly length: number;
  /** When it is stopped. */
  readonly seconds?: number;
}

/**
 * @returns the tokens of each text, not yet padded
 * @throws AppError FILE_INVALID, FILE_UNSAFE
 */
export async function tokenize(
  texts: readonly string[],
  { file, name, length, seconds = MAX_SECONDS }: TokenizeOptions,
): Promise<readonly (readonly number[])[]> {
  const answer = await askOnce<Answer>({ file, name, texts, length } satisfies Question, {
    script: new URL('./tokenizer-worker.js', import.meta.url),
    memoryMegabytes: MAX_MEMORY_MB,
    seconds,
    late: () => new AppError('FILE_UNSAFE', `${name}: its tokenizer took more than ${seconds} s for ${texts.length} texts and was stopped; expected one as its library wrote it`), // prettier-ignore
  });
  if ('rows' in answer) return answer.rows;
  throw new AppError('FILE_INVALID', answer.problem);
}
