// manifest.ts: the list of pictures that shards are made of, opened to read it: how many, how divided, and those of one shard.

import { openForeignParquet } from '../formats/foreign-parquet.ts';
import { SEAL_KEY } from '../formats/sealed-parquet.ts';
import type { ImageReference } from '../images/source.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { shellWord } from '../util/shell-word.ts';
import { referencesOf } from './manifest-references.ts';
import { FACTS_KEY, MANIFEST_FACTS } from './manifest-rows.ts';

export interface Manifest {
  readonly file: string;
  readonly pictures: number;
  /** Pictures in a shard; the last one may have fewer. */
  readonly size: number;
  readonly shards: number;
  /** The hash that tells this manifest from any other. */
  readonly seal: string;
  /** Whether all bytes are as they were written. */
  isWhole(): Promise<boolean>;
  /** The pictures of a shard, in order; one that changed since it was listed is an error. @throws AppError FILE_INVALID */
  references(index: number): AsyncGenerator<ImageReference, void, undefined>;
  close(): Promise<void>;
}

/** How many shards so many pictures make. */
export const shardCount = (pictures: number, size: number) => Math.ceil(pictures / size);

/** How many pictures a shard has. */
export function picturesIn({ pictures, size }: Pick<Manifest, 'pictures' | 'size'>, index: number): number {
  return Math.max(0, Math.min(size, pictures - index * size));
}

/** @param file a path, or the address of an object. @throws AppError FILE_INVALID when it is missing, or something else */
export async function openManifest(file: string): Promise<Manifest> {
  const parquet = await openForeignParquet(file);
  try {
    const described = parquet.facts.get(FACTS_KEY);
    const seal = parquet.facts.get(SEAL_KEY);
    if (described === undefined || seal === undefined) {
      throw new AppError('FILE_INVALID', `${file} is no manifest; make one with: finch shards INPUT --out ${shellWord(file)}`); // prettier-ignore
    }
    const { size } = checkedAs(MANIFEST_FACTS, parseJson(described, { what: file }), { file, writer: 'finch shards' }); // prettier-ignore
    const pictures = parquet.rows;
    return {
      file,
      pictures,
      size,
      shards: shardCount(pictures, size),
      seal,
      isWhole: () => parquet.isWhole(),
      references: (index) => referencesOf(parquet, index * size, picturesIn({ pictures, size }, index)),
      close: () => parquet.close(),
    };
  } catch (error) {
    await parquet.close();
    throw error;
  }
}
