// shard-file.ts: one shard on the disk or in a bucket: its rows, and the facts that say of what and how they were made. The same pictures
// and settings give the same bytes: it holds no times, and no place but those in the manifest.

import type { ParquetThread } from '../formats/foreign-parquet.ts';
import type { ParquetFile } from '../formats/parquet-file.ts';
import { writeSealedParquet, type ParquetElement, type WriteGroup } from '../formats/sealed-parquet.ts';
import { joinedTo } from '../objects/address.ts';
import { placeOf } from '../objects/place.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { shardFailures, writeFailures, type ShardFailure } from './failures.ts';
import { errorsName, shardName } from './names.ts';
import { FACTS_KEY, SHARD_FACTS, SHARD_VERSION, sorted, type ShardFacts } from './shard-facts.ts';

interface NewShard {
  /** A path, or `s3://bucket/prefix`. */
  readonly folder: string;
  readonly facts: Omit<ShardFacts, 'pictures' | 'failed'>;
  readonly schema: readonly ParquetElement[];
  /** Whether one that is there is replaced. */
  readonly replace: boolean;
}

/** What was written of a shard. */
export interface ShardContent {
  readonly pictures: number;
  readonly failures: readonly ShardFailure[];
  /** Facts of the rows themselves. */
  readonly shape?: string;
}

/**
 * Writes a shard whole or not at all, and before it the list of its failures.
 * @param fill writes the rows
 * @returns what was written; `isNew` is false where another process was faster, and its shard was left
 * @throws AppError WRITE_FAILED, and what `fill` throws
 */
export async function writeShard(
  { folder, facts, schema, replace }: NewShard,
  fill: (writeGroup: WriteGroup) => Promise<ShardContent>,
): Promise<{ readonly content: ShardContent; readonly isNew: boolean }> {
  const name = shardName(facts.kind, facts);
  let content: ShardContent | undefined;
  const all = async (writeGroup: WriteGroup) => {
    content = await fill(writeGroup);
    const { pictures, failures, shape } = content;
    await writeFailures(joinedTo(folder, errorsName(name)), failures);
    const { kind, index, count, manifest, finch, settings } = facts;
    const described = { version: SHARD_VERSION, kind, index, count, manifest, finch, pictures, failed: failures.length, settings: Object.fromEntries(sorted(settings)) }; // prettier-ignore
    return { [FACTS_KEY]: JSON.stringify(described), ...(shape !== undefined && { shape }) };
  };
  const isNew = await writeSealedParquet(joinedTo(folder, name), schema, all, { replace });
  return { content: content!, isNew };
}

/** A shard that is open. */
export interface ShardFile {
  readonly parquet: ParquetFile;
  readonly facts: ShardFacts;
}

/** @throws AppError FILE_INVALID when it is damaged, or something else */
export async function openShard(file: string, thread: ParquetThread): Promise<ShardFile> {
  const parquet = await thread.open(file);
  try {
    const described = parquet.facts.get(FACTS_KEY);
    if (described === undefined) throw new AppError('FILE_INVALID', `${file} is no shard that finch wrote`);
    const { version: _, ...facts } = checkedAs(SHARD_FACTS, parseJson(described, { what: file }), { file, writer: 'finch' }); // prettier-ignore
    return { parquet, facts };
  } catch (error) {
    await parquet.close();
    throw error;
  }
}

/** A shard as it was found. */
export type FoundShard =
  | { readonly state: 'missing' }
  | { readonly state: 'damaged'; readonly problem: string }
  | { readonly state: 'whole'; readonly facts: ShardFacts };

/**
 * Looks at all bytes of a shard, and at the list of its failures.
 * @throws AppError DOWNLOAD_FAILED; system errors other than those of a missing file
 */
export async function findShard(folder: string, name: string, thread: ParquetThread): Promise<FoundShard> {
  const file = joinedTo(folder, name);
  if (!(await (await placeOf(file)).find(file))) return { state: 'missing' };
  const damaged = (problem: string) => ({ state: 'damaged' as const, problem });
  try {
    const { parquet, facts } = await openShard(file, thread);
    const isWhole = await parquet.isWhole().finally(() => parquet.close());
    if (!isWhole) return damaged('damaged: its bytes are not those that were written');
    if (shardName(facts.kind, facts) !== name) return damaged(`it is ${shardName(facts.kind, facts)} by another name`); // prettier-ignore
    if (facts.kind === 'features' && parquet.rows + facts.failed !== facts.pictures) {
      return damaged(`has ${parquet.rows} rows and ${facts.failed} failures, expected ${facts.pictures} together`); // prettier-ignore
    }
    const listed = await failureCount(joinedTo(folder, errorsName(name)), facts);
    if (listed !== facts.failed) return damaged(`${errorsName(name)} lists ${listed} failures, expected ${facts.failed}`); // prettier-ignore
    return { state: 'whole', facts };
  } catch (error) {
    // What a network or a server does is no damage.
    if (error instanceof AppError && error.code !== 'DOWNLOAD_FAILED') return damaged(error.message);
    throw error;
  }
}

async function failureCount(file: string, { failed }: ShardFacts): Promise<number> {
  if (failed === 0) return 0;
  let count = 0;
  for await (const _ of shardFailures(file)) count += 1;
  return count;
}
