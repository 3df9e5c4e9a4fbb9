// shard-file.ts: one shard on the disk: its rows, and the facts that say of what and how they were made. The same pictures and settings
// give the same bytes: it holds no times, and no place but those in the manifest.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { openParquet, type ParquetFile } from '../formats/parquet-file.ts';
import { writeSealedParquet, type ParquetColumn, type ParquetElement } from '../formats/sealed-parquet.ts';
import { ERROR_COLUMNS } from '../features/writer.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';
import { isThere, writeFailed, writeFileAtomic } from '../util/files.ts';
import { parseJson } from '../util/json.ts';
import { errorsName, SHARD_KINDS, shardName } from './names.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;
const FACTS_KEY = 'finch.shard';

const FACTS = z.object({
  version: z.literal(VERSION),
  kind: z.enum(SHARD_KINDS),
  index: z.int().nonnegative(),
  count: z.int().positive(),
  /** The seal of the manifest. */
  manifest: z.string(),
  /** The version of finch. */
  finch: z.string(),
  /** Pictures that were asked for, and those of them that failed. */
  pictures: z.int().nonnegative(),
  failed: z.int().nonnegative(),
  /** All else that decides the bytes. */
  settings: z.record(z.string(), z.json()),
});

/** What a shard says of itself. */
export type ShardFacts = Readonly<Omit<z.output<typeof FACTS>, 'version'>>;

/** A picture without a row, and why. */
export interface ShardFailure {
  readonly file: string;
  readonly code: string;
  readonly message: string;
}

/** What two shards that belong together share, as a hash. */
export function settingsHash({ manifest, finch, settings }: ShardFacts): string {
  return createHash('sha256')
    .update(JSON.stringify([manifest, finch, sorted(settings)]))
    .digest('hex');
}

const sorted = (settings: ShardFacts['settings']) =>
  Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));

/** What differs between two shards, in words; undefined when nothing does. */
export function factsDifference(one: ShardFacts, other: ShardFacts): string | undefined {
  if (one.manifest !== other.manifest) return 'the manifest';
  if (one.finch !== other.finch) return `the version of finch (${one.finch}, and ${other.finch})`;
  const names = new Set([...Object.keys(one.settings), ...Object.keys(other.settings)]);
  for (const name of names) {
    const [a, b] = [JSON.stringify(one.settings[name]), JSON.stringify(other.settings[name])];
    if (a !== b) return name === 'weights' ? "the model's weights" : `${name} (${a}, and ${b})`;
  }
  return undefined;
}

interface NewShard {
  readonly folder: string;
  readonly facts: Omit<ShardFacts, 'pictures' | 'failed'>;
  readonly schema: readonly ParquetElement[];
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
 * @param fill writes the rows. @throws AppError WRITE_FAILED, and what `fill` throws
 */
export async function writeShard(
  { folder, facts, schema }: NewShard,
  fill: (writeGroup: (columns: readonly ParquetColumn[]) => Promise<void>) => Promise<ShardContent>,
): Promise<ShardContent> {
  const name = shardName(facts.kind, facts);
  let content: ShardContent | undefined;
  await writeSealedParquet(path.join(folder, name), schema, async (writeGroup) => {
    content = await fill(writeGroup);
    const { pictures, failures, shape } = content;
    await writeErrors(path.join(folder, errorsName(name)), failures);
    const { kind, index, count, manifest, finch, settings } = facts;
    const described = { version: VERSION, kind, index, count, manifest, finch, pictures, failed: failures.length, settings: Object.fromEntries(sorted(settings)) }; // prettier-ignore
    return { [FACTS_KEY]: JSON.stringify(described), ...(shape !== undefined && { shape }) };
  });
  return content!;
}

async function writeErrors(file: string, failures: readonly ShardFailure[]): Promise<void> {
  if (failures.length === 0) {
    await rm(file, { force: true }).catch((error: unknown) => {
      throw writeFailed(file, error);
    });
    return;
  }
  const rows = failures.map(({ file, code, message }) => [file, code, message]);
  await writeFileAtomic(file, stringify([[...ERROR_COLUMNS], ...rows]));
}

/** A shard that is open. */
export interface ShardFile {
  readonly parquet: ParquetFile;
  readonly facts: ShardFacts;
}

/** @throws AppError FILE_INVALID when it is damaged, or something else */
export async function openShard(file: string): Promise<ShardFile> {
  const parquet = await openParquet(file);
  try {
    const described = parquet.facts.get(FACTS_KEY);
    if (described === undefined) throw new AppError('FILE_INVALID', `${file} is no shard that finch wrote`);
    const { version: _, ...facts } = checkedAs(FACTS, parseJson(described, { what: file }), { file, writer: 'finch' }); // prettier-ignore
    return { parquet, facts };
  } catch (error) {
    await parquet.close();
    throw error;
  }
}

/** A shard as it was found on the disk. */
export type FoundShard =
  | { readonly state: 'missing' }
  | { readonly state: 'damaged'; readonly problem: string }
  | { readonly state: 'whole'; readonly facts: ShardFacts };

/** Looks at all bytes of a shard, and at the list of its failures. @throws system errors other than those of a missing file */
export async function findShard(folder: string, name: string): Promise<FoundShard> {
  const file = path.join(folder, name);
  if (!(await isThere(file))) return { state: 'missing' };
  const damaged = (problem: string) => ({ state: 'damaged' as const, problem });
  try {
    const { parquet, facts } = await openShard(file);
    const isWhole = await parquet.isWhole().finally(() => parquet.close());
    if (!isWhole) return damaged('damaged: its bytes are not those that were written');
    if (shardName(facts.kind, facts) !== name) return damaged(`it is ${shardName(facts.kind, facts)} by another name`); // prettier-ignore
    if (facts.kind === 'features' && parquet.rows + facts.failed !== facts.pictures) {
      return damaged(`has ${parquet.rows} rows and ${facts.failed} failures, expected ${facts.pictures} together`); // prettier-ignore
    }
    const listed = await failureCount(path.join(folder, errorsName(name)), facts);
    if (listed !== facts.failed) return damaged(`${errorsName(name)} lists ${listed} failures, expected ${facts.failed}`); // prettier-ignore
    return { state: 'whole', facts };
  } catch (error) {
    if (error instanceof AppError) return damaged(error.message);
    throw error;
  }
}

async function failureCount(file: string, { failed }: ShardFacts): Promise<number> {
  if (failed === 0) return 0;
  let count = 0;
  for await (const _ of shardFailures(file)) count += 1;
  return count;
}

/** The failures in a list; none where there is no list. @throws AppError FILE_INVALID */
export async function* shardFailures(file: string): AsyncGenerator<ShardFailure, void, undefined> {
  if (!(await isThere(file))) return;
  try {
    const rows = pipeline(createReadStream(file), parse({ fromLine: 2 }), () => {});
    for await (const [picture, code, message] of rows as AsyncIterable<readonly string[]>) {
      yield { file: picture ?? '', code: code ?? '', message: message ?? '' };
    }
  } catch (error) {
    throw new AppError('FILE_INVALID', `${file} is no list of failures`, { cause: error });
  }
}
