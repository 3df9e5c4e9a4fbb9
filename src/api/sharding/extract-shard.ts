// extract-shard.ts: the rows of one shard's pictures, written once.

import type { ExtractShardConfig } from '../../config/shards.ts';
import { featureColumns, featureSchema, groupRowsOf, type TableRow } from '../../features/parquet.ts';
import type { ShardFailure } from '../../shards/failures.ts';
import { normalized } from '../../util/dot.ts';
import { classOf } from '../class-of.ts';
import { withEmbedder, type Embedder } from '../embedding.ts';
import { featureSettings } from '../extraction-start.ts';
import { tallyOf } from '../tally.ts';
import { throwIfAborted, untilAborted, type Work } from '../work.ts';
import { asStored, makeShard, withTask, type Fill, type OpenedTask, type ShardRun } from './one-shard.ts';

/** The run, and a line for people: `998 pictures in 7.1 s, 140.6/s`. */
export interface ExtractedShard extends ShardRun {
  readonly summary: string;
}

/** @throws AppError INTERRUPTED, after which nothing of the shard is left; USAGE, FILE_INVALID, WRITE_FAILED */
export async function extractShard(config: ExtractShardConfig, work: Work): Promise<ExtractedShard> {
  return withTask(config.task, (opened) =>
    withEmbedder(config, work, (embedder) => extractInto(opened, { embedder, config }, work)),
  );
}

/** The same by a model that is open already. @throws as `extractShard` */
export async function extractInto(
  opened: OpenedTask,
  { embedder, config }: { readonly embedder: Embedder; readonly config: ExtractShardConfig },
  work: Work,
): Promise<ExtractedShard> {
  const tally = tallyOf(work, () => opened.pictures);
  // A model is known by its weights, and not by the path at which a machine has it.
  const { modelSource: _, ...settings } = featureSettings(config, embedder);
  const wanted = { kind: 'features', settings: asStored(settings), schema: featureSchema(config.dtype) } as const; // prettier-ignore
  const run = await makeShard(opened, wanted, (write) => rowsOf(config, { opened, embedder, tally, write }, work), work); // prettier-ignore
  return { ...run, summary: tally.summary() };
}

interface Task {
  readonly opened: OpenedTask;
  readonly embedder: Embedder;
  readonly tally: ReturnType<typeof tallyOf>;
  readonly write: Parameters<Fill>[0];
}

async function rowsOf(
  { normalize }: ExtractShardConfig,
  { opened, embedder, tally, write }: Task,
  work: Work,
): ReturnType<Fill> {
  const { rowShape } = embedder.layers[0]!;
  const groupRows = groupRowsOf(rowShape);
  const failures: ShardFailure[] = [];
  let group: TableRow[] = [];
  let row = 0;
  const flush = async () => {
    if (group.length > 0) await write(featureColumns(group));
    group = [];
  };
  for await (const image of untilAborted(embedder.embed(opened.references()), work)) {
    if ('error' in image) {
      const { code, message } = image.error;
      failures.push({ file: image.file, code, message });
    } else {
      const [numbers] = image.rows as [Float32Array];
      group.push({ ...image, row: row++, className: classOf(image, 1), numbers: normalize ? normalized(numbers) : numbers }); // prettier-ignore
    }
    tally.count(image);
    if (group.length === groupRows) await flush();
    throwIfAborted(work);
  }
  await flush();
  return { pictures: row + failures.length, failures, shape: rowShape.join(',') };
}
