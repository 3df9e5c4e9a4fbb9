// names.ts: the names of the files that shards are written to: `features-00017-of-10000.parquet`, and its list of failures.

export const SHARD_KINDS = ['features', 'predictions'] as const;
/** What is in a shard: rows of extract-features, or of classify. */
export type ShardKind = (typeof SHARD_KINDS)[number];

/** Which of how many shards, counted from 0. */
export interface ShardPlace {
  readonly index: number;
  readonly count: number;
}

/** Longer numbers keep all their digits. */
const DIGITS = 5;

const padded = (value: number) => String(value).padStart(DIGITS, '0');

export function shardName(kind: ShardKind, { index, count }: ShardPlace): string {
  return `${kind}-${padded(index)}-of-${padded(count)}.parquet`;
}

/** The list of the pictures that failed; there is none where none did. */
export const errorsName = (shard: string) => shard.replace(/parquet$/, 'errors.csv');

/** Undefined for the name of another file. */
export function parseShardName(name: string): (ShardPlace & { readonly kind: ShardKind }) | undefined {
  const [, kind, index, count] =
    /^(features|predictions)-(\d{5,15})-of-(\d{5,15})\.parquet$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const place = { kind: kind as ShardKind, index: Number(index), count: Number(count) };
  return shardName(place.kind, place) === name ? place : undefined;
}
