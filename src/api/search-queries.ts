// search-queries.ts: what is searched for: pictures, and words where the model compares pictures with words. In the order of the inputs.

import type { Readable } from 'node:stream';
import { imageReferences } from '../images/source.ts';
import { AppError } from '../util/errors.ts';
import { isThere } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount } from '../util/shape.ts';
import { MAX_WORD_LENGTH } from './class-words.ts';
import type { Embedder } from './embedding.ts';
import type { OpenedNetwork } from './network.ts';
import type { Work } from './work.ts';

/** A row to look for, or what is wrong with the input. `file` is the words where it is no picture. */
export type Query =
  | { readonly file: string; readonly row: Float32Array; readonly isWords: boolean }
  | { readonly file: string; readonly error: AppError };

interface Asked {
  readonly embedder: Embedder;
  readonly opened: OpenedNetwork;
  readonly stdin: Readable;
}

/** @throws AppError MODEL_MISMATCH for words where the features are not those that are compared with words; INTERRUPTED */
export async function queriesOf(
  inputs: readonly string[],
  { embedder, opened, stdin }: Asked,
  work: Work,
): Promise<readonly Query[]> {
  const words: string[] = [];
  for (const input of new Set(inputs)) if (await isWords(input)) words.push(input);
  if (words.length > 0 && !opened.readText) {
    work.note(`${opened.model.name} takes no words: ${quoted(words[0]!, 60)} is taken for a file; features that words find are those of a CLIP or SigLIP`); // prettier-ignore
  }
  const rows = opened.readText
    ? await rowsOf(words, { embedder, opened }, work)
    : new Map<string, Float32Array>();
  const queries: Query[] = [];
  for (const group of grouped(inputs, (input) => rows.has(input))) {
    const known = group.flatMap((file) => rows.get(file) ?? []);
    if (known.length > 0) queries.push(...group.map((file, i) => ({ file, row: known[i]!, isWords: true })));
    else {
      for await (const image of embedder.embed(imageReferences(group, stdin, work.signal))) {
        const { file } = image;
        queries.push(
          'error' in image ? { file, error: image.error } : { file, row: image.rows[0]!, isWords: false },
        );
      }
    }
  }
  return queries;
}

/** The endings of file names, and what is in paths and patterns but seldom in a word. */
const LIKE_FILE = /\.[a-z\d]{2,5}$|^[@-]|:\/\//i;
const LIKE_PATH = /[/\\*?[\]{}]/;

/** Whether it is no file here, and does not look as if it was meant to be one. */
async function isWords(input: string): Promise<boolean> {
  const isPath = LIKE_FILE.test(input) || (LIKE_PATH.test(input) && !/\s/.test(input));
  return !isPath && input.trim() !== '' && !(await isThere(input));
}

async function rowsOf(
  words: readonly string[],
  { embedder, opened }: Pick<Asked, 'embedder' | 'opened'>,
  work: Work,
): Promise<ReadonlyMap<string, Float32Array>> {
  if (words.length === 0) return new Map();
  const { name, graph } = opened.model;
  const [layer] = embedder.layers;
  if (layer!.name !== graph.output) {
    throw new AppError('MODEL_MISMATCH', `words are compared with the embedding of a picture, layer ${graph.output} of ${name}, and the features are those of ${layer!.name}; make them again without --layer`); // prettier-ignore
  }
  const long = words.find(({ length }) => length > MAX_WORD_LENGTH);
  if (long !== undefined) {
    throw new AppError('USAGE', `words to search for have at most ${MAX_WORD_LENGTH} characters, received ${long.length}: ${quoted(long, 40)}`); // prettier-ignore
  }
  const { embedTexts } = await import('./words.ts');
  const numbers = elementCount(layer!.rowShape);
  const rows = await embedTexts(
    await opened.readText!(),
    words,
    { name, numbers, threads: opened.threads },
    work,
  );
  return new Map(words.map((word, i) => [word, rows[i]!]));
}

/** Neighbours that are alike, together. */
function grouped<T>(items: readonly T[], isOf: (item: T) => boolean): readonly (readonly T[])[] {
  const groups: T[][] = [];
  items.forEach((item, i) => {
    if (i > 0 && isOf(item) === isOf(items[i - 1]!)) groups.at(-1)!.push(item);
    else groups.push([item]);
  });
  return groups;
}
