// sizes.ts: what follows from the size of a shard without any simulation: how often a bucket and Redis are asked, and how much is read.

import type { Parameters } from './parameters.ts';

/** Of a shard in a bucket, as a server of the tests counted them; besides its pictures and row groups. */
const SHARD_READS = { heads: 3, gets: 3 };
const SHARD_WRITES = { lists: 1, puts: 1 };
/** The end of a parquet file, which its reader asks for before it knows how long the list of groups is. */
const FIRST_READ = 2 ** 19;

export interface Sizes {
  readonly shards: number;
  /** Of the manifest. */
  readonly groups: number;
  readonly manifestBytes: number;
  readonly listSeconds: number;
  readonly pages: number;
  /** Read of the manifest by all shards together. */
  readonly manifestReads: number;
  /** GET and HEAD, without those of shards that are done again. */
  readonly reads: number;
  /** PUT and LIST. */
  readonly writes: number;
  readonly redisBytes: number;
  readonly redisCommands: number;
  readonly shardBytes: number;
}

const groupsOf = ({ pictures, groupRows }: Parameters) => Math.ceil(pictures / groupRows);

/** Seconds of a shard besides its pictures. */
export function shardOverhead(given: Parameters): number {
  return given.shardStart + groupsOf(given) * given.groupSeconds;
}

/** Pages and rows together: one page is asked for behind the other, and while it is under way there are few rows left to write. */
function listSeconds({ pictures, pageKeys, pageSeconds, rowSeconds }: Parameters): number {
  return Math.ceil(pictures / pageKeys) * pageSeconds + pictures * rowSeconds;
}

/** @param size pictures in a shard */
export function sizesOf(given: Parameters, size: number): Sizes {
  const { pictures, groupRows, manifestRowBytes, groupBytes, pageKeys } = given;
  const shards = Math.ceil(pictures / size);
  const groups = groupsOf(given);
  const pages = Math.ceil(pictures / pageKeys);
  // A shard of n rows lies in 1 + (n - 1) / groupRows groups on average.
  const groupReads = shards * (1 + (Math.min(size, pictures) - 1) / groupRows);
  return {
    shards,
    groups,
    pages,
    manifestBytes: pictures * manifestRowBytes,
    listSeconds: listSeconds(given),
    manifestReads: shards * (2 * groups * groupBytes + FIRST_READ) + groupReads * groupRows * manifestRowBytes, // prettier-ignore
    reads: Math.round(pictures + shards * (SHARD_READS.heads + SHARD_READS.gets) + groupReads),
    writes: pages + shards * (SHARD_WRITES.lists + SHARD_WRITES.puts) + 1,
    redisBytes: shards * given.jobBytes,
    redisCommands: shards * (given.addCommands + given.takeCommands),
    shardBytes: size * given.rowBytes,
  };
}
