// verify.ts: which shards of a folder are missing, damaged, or made otherwise than the others. Changes nothing.

import { startParquetThread, type ParquetThread } from '../../formats/foreign-parquet.ts';
import { placeOf } from '../../objects/place.ts';
import { openManifest, picturesIn } from '../../shards/manifest.ts';
import { parseShardName, SHARD_KINDS, shardName, type ShardKind } from '../../shards/names.ts';
import { factsDifference, settingsHash, type ShardFacts } from '../../shards/shard-facts.ts';
import { findShard } from '../../shards/shard-file.ts';
import { AppError, openingProblem } from '../../util/errors.ts';
import { shellWord } from '../../util/shell-word.ts';
import { throwIfAborted, type Work } from '../work.ts';

/** What is wrong with one file. */
export interface ShardProblem {
  readonly name: string;
  readonly problem: string;
}

export interface VerifiedShards {
  /** In the order of the shards. */
  readonly problems: readonly ShardProblem[];
  readonly shards: number;
  readonly pictures: number;
  readonly failed: number;
}

/** @throws AppError FILE_INVALID for a manifest that is damaged; USAGE for a folder without shards */
export async function verifyShards(
  folder: string,
  manifestFile: string,
  work: Work,
): Promise<VerifiedShards> {
  const manifest = await openManifest(manifestFile);
  const thread = startParquetThread();
  try {
    if (!(await manifest.isWhole())) throw new AppError('FILE_INVALID', `${manifestFile} is damaged: its bytes are not those that were written; take a copy of it`); // prettier-ignore
    const { shards, seal, pictures } = manifest;
    const { kinds, others } = await shardsIn(folder, shards);
    const problems: ShardProblem[] = [];
    let failed = 0;
    for (const kind of kinds) {
      const { whole, bad } = await looked({ folder, kind, shards, thread }, work);
      problems.push(...bad);
      for (const [name, facts] of whole) {
        const problem = manifestProblem(facts, { seal, pictures: picturesIn(manifest, facts.index) });
        if (problem !== undefined) problems.push({ name, problem });
        failed += facts.failed;
      }
      const own = new Map([...whole].filter(([, facts]) => facts.manifest === seal));
      problems.push(...differing(own));
    }
    for (const name of others) problems.push({ name, problem: `one of another number of shards, expected ${shards}` }); // prettier-ignore
    return { problems: problems.sort((a, b) => (a.name < b.name ? -1 : 1)), shards, pictures, failed };
  } finally {
    await thread.close();
    await manifest.close();
  }
}

function manifestProblem(
  facts: ShardFacts,
  { seal, pictures }: { readonly seal: string; readonly pictures: number },
): string | undefined {
  if (facts.manifest !== seal) return 'made from another manifest';
  return facts.pictures === pictures ? undefined : `has ${facts.pictures} pictures, expected ${pictures}`;
}

/** Which kinds of shards a folder has, and the names of those that are of another number. @throws AppError USAGE where it has none */
async function shardsIn(folder: string, count: number) {
  const found = await shardNames(folder);
  const kinds = SHARD_KINDS.filter((kind) => found.some((shard) => shard.kind === kind));
  const others = found.filter((shard) => shard.count !== count).map((shard) => shardName(shard.kind, shard));
  if (kinds.length === 0) throw new AppError('USAGE', `${folder} has no shards; they are made by extract-features --manifest M --shard I/${count} --out ${shellWord(folder)}`); // prettier-ignore
  return { kinds, others };
}

/** The shards that a folder's names say are in it. @throws AppError USAGE where there is no such folder */
export async function shardNames(folder: string) {
  const place = await placeOf(folder);
  const names = await place.names(folder).catch((error: unknown) => {
    if (error instanceof AppError) throw error;
    throw new AppError('USAGE', `${folder}: ${openingProblem(error, 'no such folder')}`, { cause: error });
  });
  return names.flatMap((name) => parseShardName(name) ?? []);
}

interface Looking {
  readonly folder: string;
  readonly kind: ShardKind;
  readonly shards: number;
  readonly thread: ParquetThread;
}

/** All shards of a kind, read whole. */
export async function looked(
  { folder, kind, shards, thread }: Looking,
  work: Work,
): Promise<{ readonly whole: ReadonlyMap<string, ShardFacts>; readonly bad: readonly ShardProblem[] }> {
  const whole = new Map<string, ShardFacts>();
  const bad: ShardProblem[] = [];
  for (let index = 0; index < shards; index++) {
    throwIfAborted(work);
    const name = shardName(kind, { index, count: shards });
    const found = await findShard(folder, name, thread);
    if (found.state === 'whole') whole.set(name, found.facts);
    else bad.push({ name, problem: found.state === 'missing' ? 'missing' : found.problem });
    const done = index + 1;
    work.progress({ task: 'verify', done, total: shards, text: `${done} of ${shards} shards` });
  }
  return { whole, bad };
}

/** Those that were made otherwise than most. */
export function differing(whole: ReadonlyMap<string, ShardFacts>): readonly ShardProblem[] {
  const kinds = new Map<string, { readonly facts: ShardFacts; readonly names: string[] }>();
  for (const [name, facts] of whole) {
    const hash = settingsHash(facts);
    const alike = kinds.get(hash);
    if (alike) alike.names.push(name);
    else kinds.set(hash, { facts, names: [name] });
  }
  const [most, ...fewer] = [...kinds.values()].sort((a, b) => b.names.length - a.names.length);
  return fewer.flatMap(({ facts, names }) => {
    const difference = factsDifference(facts, most!.facts) ?? 'settings';
    return names.map((name) => ({ name, problem: `made otherwise than the others: ${difference}` }));
  });
}
