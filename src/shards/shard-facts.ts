// shard-facts.ts: what a shard says of how it was made, and what differs between two of them. Opens nothing.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { SHARD_KINDS } from './names.ts';

/** Raised when a reader of the former layout would misread the new one. */
export const SHARD_VERSION = 1;
export const FACTS_KEY = 'finch.shard';

export const SHARD_FACTS = z.object({
  version: z.literal(SHARD_VERSION),
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
export type ShardFacts = Readonly<Omit<z.output<typeof SHARD_FACTS>, 'version'>>;

/** What two shards that belong together share, as a hash. */
export function settingsHash({ manifest, finch, settings }: ShardFacts): string {
  return createHash('sha256')
    .update(JSON.stringify([manifest, finch, sorted(settings)]))
    .digest('hex');
}

/** In the order of their names, so that the same settings are the same text. */
export const sorted = (settings: ShardFacts['settings']) =>
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
