// text-facts.ts: what a model folder says of the half of its network that takes texts: its files, and how they are used.

import { MAX_TOKENS, type TokenRows } from '../tokenizer/token-rows.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { FieldReader } from './json.ts';

/** What the likeness of a picture and a text, the cosine of their embeddings, says. */
export interface Comparison {
  /** `softmax`: the shares of all texts add up to 1. `sigmoid`: each text has a probability of its own. */
  readonly activation: 'softmax' | 'sigmoid';
  /** The logit is `scale` times the cosine, plus `bias`. */
  readonly scale: number;
  readonly bias: number;
}

export interface TextUse {
  readonly rows: TokenRows;
  readonly comparison: Comparison;
}

export interface TextFacts extends TextUse {
  /** The file of the network, and that of its tokenizer; each is named after its content. */
  readonly network: string;
  readonly tokenizer: string;
}

export const TOKENIZER_NAME = /^tokenizer-[0-9a-f]{16}\.json$/;

/** @throws AppError MODEL_INVALID */
export function readTextFacts(field: FieldReader): TextFacts {
  const [rows, comparison] = [field.object('rows'), field.object('comparison')];
  return {
    network: field.string('network'),
    tokenizer: field.string('tokenizer'),
    rows: {
      length: wholeNumber(rows, 'length', { from: 1, to: MAX_TOKENS }),
      padded: oneOf(rows, 'padded', ['length', 'longest']),
      side: oneOf(rows, 'side', ['left', 'right']),
      pad: wholeNumber(rows, 'pad', { from: 0, to: 2 ** 31 - 1 }),
      attended: oneOf(rows, 'attended', ['text', 'all']),
    },
    comparison: {
      activation: oneOf(comparison, 'activation', ['softmax', 'sigmoid']),
      scale: comparison.number('scale'),
      bias: comparison.number('bias'),
    },
  };
}

function wholeNumber(
  field: FieldReader,
  key: string,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const received = field.number(key);
  if (Number.isSafeInteger(received) && received >= from && received <= to) return received;
  throw new AppError('MODEL_INVALID', `${field.where}.${key}: expected a whole number from ${from} to ${to}, received ${received}`); // prettier-ignore
}

/** @throws AppError MODEL_INVALID */
export function oneOf<const T extends string>(field: FieldReader, key: string, values: readonly T[]): T {
  const received = field.string(key);
  const found = values.find((value) => value === received);
  if (found !== undefined) return found;
  throw new AppError(
    'MODEL_INVALID',
    `${field.where}.${key}: expected ${values.join(' or ')}, received '${quoted(received)}'`,
  );
}
