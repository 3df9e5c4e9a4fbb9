// tokenizer-worker.ts: the thread of tokenize.ts: the only import of @huggingface/tokenizers.

import { Tokenizer } from '@huggingface/tokenizers';
import { AppError, messageOf } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';
import { serve } from '../util/serve.ts';
import { rowsOf } from './rows.ts';

export interface Question {
  readonly file: Uint8Array;
  readonly name: string;
  readonly texts: readonly string[];
  readonly length: number;
}

export type Answer = { readonly rows: readonly (readonly number[])[] } | { readonly problem: string };

/** A vocabulary of 256,000 pieces, and 600,000 pairs of them. */
const MAX_VALUES = 8_000_000;

serve(1, async (question: Question) => ({ reply: answered(question) }));

function answered({ file, name, texts, length }: Question): Answer {
  try {
    const json = parseJson(new TextDecoder().decode(file), { what: name, maxValues: MAX_VALUES });
    return { rows: rowsOf(new Tokenizer(json, {}), texts, length) };
  } catch (error) {
    // Whatever the library throws, the file is the cause.
    if (error instanceof AppError) return { problem: error.message };
    return { problem: `${name} is no tokenizer that finch can use: ${quoted(messageOf(error))}` };
  }
}
