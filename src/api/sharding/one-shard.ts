// one-shard.ts: the work on one shard that all commands share: which one it is, whether it is there already, and writing it once.

import type { ShardTask } from '../../config/shards.ts';
import { startParquetThread } from '../../formats/foreign-parquet.ts';
import type { ParquetElement, WriteGroup } from '../../formats/sealed-parquet.ts';
import { joinedTo } from '../../objects/address.ts';
import { placeOf } from '../../objects/place.ts';
import { openManifest, picturesIn, type Manifest } from '../../shards/manifest.ts';
import { shardName, type ShardKind, type ShardPlace } from '../../shards/names.ts';
import { factsDifference, type ShardFacts } from '../../shards/shard-facts.ts';
import { findShard, writeShard, type FoundShard, type ShardContent } from '../../shards/shard-file.ts';
import { AppError } from '../../util/errors.ts';
import { packageVersion } from '../../util/package.ts';
import type { Work } from '../work.ts';

/** The result of one shard's work. */
export interface ShardRun {
  readonly file: string;
  /** Whether it was there and whole, so that nothing was done. */
  readonly wasThere: boolean;
  readonly pictures: number;
  readonly failed: number;
}

/** A shard of a manifest that is open. */
export interface OpenedTask extends Pick<Manifest, 'seal'> {
  readonly task: ShardTask;
  readonly place: ShardPlace;
  readonly pictures: number;
  references(): ReturnType<Manifest['references']>;
}

/** @throws AppError USAGE for a shard that the manifest does not have; FILE_INVALID, WRITE_FAILED */
export async function withTask<T>(task: ShardTask, action: (opened: OpenedTask) => Promise<T>): Promise<T> {
  await (await placeOf(task.out)).checkFolder({ flag: '--out', file: task.out });
  const manifest = await openManifest(task.manifest);
  try {
    if (task.seal !== undefined && task.seal !== manifest.seal) {
      throw new AppError('USAGE', `${task.manifest} is another manifest than the one whose shards are asked for: it was made again, or this machine has another file by that name`); // prettier-ignore
    }
    const place = placeIn(manifest, task);
    return await action({
      task,
      place,
      seal: manifest.seal,
      pictures: picturesIn(manifest, place.index),
      references: () => manifest.references(place.index),
    });
  } finally {
    await manifest.close();
  }
}

function placeIn({ file, pictures, size, shards }: Manifest, { index, count }: ShardTask): ShardPlace {
  if (count !== undefined && count !== shards) {
    throw new AppError('USAGE', `--shard ${index}/${count}: ${file} has ${shards} shards (${pictures} pictures, ${size} a shard); give --shard I/${shards}`); // prettier-ignore
  }
  if (index < shards) return { index, count: shards };
  throw new AppError('USAGE', `--shard ${index}/${shards}: the shards of ${file} are numbered from 0 to ${shards - 1}; an array job has to count so too, such as --array=0-${shards - 1}`); // prettier-ignore
}

interface Wanted {
  readonly kind: ShardKind;
  /** All that decides the bytes besides the manifest. */
  readonly settings: ShardFacts['settings'];
  readonly schema: readonly ParquetElement[];
}

/** Settings as they will be read back, so that they can be compared. */
export const asStored = (settings: object) => JSON.parse(JSON.stringify(settings)) as ShardFacts['settings'];

export type Fill = (writeGroup: WriteGroup) => Promise<ShardContent>;

/**
 * Writes the shard, unless it is there and whole. Two processes may do so at once: both write the same bytes, each aside.
 * @throws AppError USAGE where it is there and was made otherwise
 */
export async function makeShard(
  { task: { out, force }, place, seal, pictures }: OpenedTask,
  { kind, settings, schema }: Wanted,
  fill: Fill,
  work: Work,
): Promise<ShardRun> {
  await (await placeOf(out)).makeFolder(out);
  const name = shardName(kind, place);
  const file = joinedTo(out, name);
  const facts = { kind, ...place, manifest: seal, finch: packageVersion(), settings };
  const find = async () => {
    const thread = startParquetThread();
    return findShard(out, name, thread).finally(() => thread.close());
  };
  /** The run that made what is there; undefined where that has to be made again. */
  const former = (found: FoundShard, isForced: boolean): ShardRun | undefined => {
    if (found.state !== 'whole') return undefined;
    const difference = factsDifference(found.facts, { ...facts, pictures, failed: 0 });
    if (difference === undefined) return { file, wasThere: true, pictures, failed: found.facts.failed };
    if (isForced) return undefined;
    throw new AppError('USAGE', `${file} is there already, and was made otherwise: ${difference}; choose another --out, or replace it with --force`); // prettier-ignore
  };
  const found = await find();
  if (found.state === 'damaged') work.note(`${file} is made again: ${found.problem}`);
  const there = former(found, force);
  if (there) return there;
  const replace = found.state !== 'missing';
  const { content, isNew } = await writeShard({ folder: out, facts, schema, replace }, fill);
  if (isNew) return { file, wasThere: false, pictures, failed: content.failures.length };
  const faster = former(await find(), false);
  if (faster) return faster;
  throw new AppError('WRITE_FAILED', `${file} was written by another process meanwhile, and is not whole; run the command again`); // prettier-ignore
}
