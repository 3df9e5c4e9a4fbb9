// text.ts: what the files of a folder from a hub say of the half of its network that takes texts.

import path from 'node:path';
import * as z from 'zod';
import type { Comparison } from '../../artefact/text-facts.ts';
import { MAX_TOKENIZER_BYTES, MAX_TOKENS, type TokenRows } from '../../tokenizer/token-rows.ts';
import { checkedAs } from '../../util/checked.ts';
import { isThere } from '../../util/files.ts';
import { readJson } from '../../util/json.ts';

export const TOKENIZER_FILE = 'tokenizer.json';
const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
export const TOKENIZER_FILES: readonly string[] = [TOKENIZER_FILE, TOKENIZER_CONFIG_FILE];

/** A kind of network that compares pictures with words. */
interface TextKind extends Pick<TokenRows, 'padded' | 'attended'> {
  readonly activation: Comparison['activation'];
  /** The most tokens of a text, where config.json does not say it. */
  readonly length: number;
  /** Outputs that are one embedding a picture, and one a text, in the space where they are compared. */
  readonly pictures: readonly string[];
  readonly texts: readonly string[];
  /** What the likeness is multiplied by in the published networks, where these agree. */
  readonly published?: Omit<Comparison, 'activation'>;
}

/** By transformers' model_type. SigLIP 2 for pictures of one size is a `siglip`. */
const KINDS: Readonly<Record<string, TextKind>> = {
  clip: {
    activation: 'softmax',
    length: 77,
    padded: 'longest',
    attended: 'text',
    pictures: ['image_embeds'],
    texts: ['text_embeds'],
    published: { scale: 100, bias: 0 },
  },
  siglip: {
    activation: 'sigmoid',
    length: 64,
    // It is trained on rows that are filled up, without a mask.
    padded: 'length',
    attended: 'all',
    pictures: ['image_embeds', 'pooler_output'],
    texts: ['text_embeds', 'pooler_output'],
  },
};

export interface TextConfig extends TextKind {
  /** The token that fills up, where the tokenizer does not say it. */
  readonly pad?: number;
}

const CONFIG = z.object({
  text_config: z
    .object({
      max_position_embeddings: z.int().min(1).max(MAX_TOKENS).nullish(),
      pad_token_id: z.int().min(0).nullish().catch(undefined),
    })
    .nullish(),
});

/** @param type config.json's model_type. @returns undefined for a network that takes no texts. @throws AppError FILE_INVALID */
export function readTextConfig(type: string, json: unknown, file: string): TextConfig | undefined {
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type]! : undefined;
  if (!kind) return undefined;
  const { text_config: text } = checkedAs(CONFIG, json, { file, writer: 'transformers' });
  const { max_position_embeddings: length, pad_token_id: pad } = text ?? {};
  return { ...kind, ...(length != null && { length }), ...(pad != null && { pad }) };
}

/** A vocabulary of 256,000 pieces, and 600,000 pairs of them. */
const MAX_VALUES = 8_000_000;

const TOKENIZER = z.object({
  added_tokens: z.array(z.object({ id: z.int().min(0), content: z.string() })).nullish(),
  padding: z.object({ pad_id: z.int().min(0), direction: z.enum(['Left', 'Right']).nullish() }).nullish(),
});
const TOKENIZER_CONFIG = z.object({
  pad_token: z.union([z.string(), z.object({ content: z.string() })]).nullish(),
  padding_side: z.enum(['left', 'right']).nullish(),
});

/**
 * How texts become rows of tokens; undefined where no file says which token fills up.
 * @throws AppError FILE_INVALID
 */
export async function readTokenRows(folder: string, config: TextConfig): Promise<TokenRows | undefined> {
  const file = path.join(folder, TOKENIZER_FILE);
  const json = await readJson(file, { what: file, limit: MAX_TOKENIZER_BYTES, maxValues: MAX_VALUES });
  const { added_tokens: added, padding } = checkedAs(TOKENIZER, json, { file, writer: 'tokenizers' });
  const beside = path.join(folder, TOKENIZER_CONFIG_FILE);
  const said = (await isThere(beside)) ? await readTokenizerConfig(beside) : {};
  const name = typeof said.pad_token === 'object' ? said.pad_token?.content : said.pad_token;
  const pad = added?.find(({ content }) => content === name)?.id ?? padding?.pad_id ?? config.pad;
  if (pad === undefined) return undefined;
  const { length, padded, attended } = config;
  const side = said.padding_side ?? (padding?.direction === 'Left' ? 'left' : 'right');
  return { length, padded, attended, side, pad };
}

const MAX_CONFIG_BYTES = 16 * 1024 ** 2;

async function readTokenizerConfig(file: string): Promise<z.output<typeof TOKENIZER_CONFIG>> {
  const json = await readJson(file, { what: file, limit: MAX_CONFIG_BYTES });
  return checkedAs(TOKENIZER_CONFIG, json, { file, writer: 'transformers' });
}
