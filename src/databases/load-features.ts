// load-features.ts: rows of features -> a table of PostgreSQL or a collection of Qdrant. Connects the stages; holds a batch of rows at a time.

import { rowsDifference } from '../api/indexing/row-origin.ts';
import { rowFiles, rowSources, type RowSource } from '../api/indexing/row-sources.ts';
import { throwIfAborted, type Work } from '../api/work.ts';
import type { LoadConfig } from '../config/load-features.ts';
import { startParquetThread } from '../formats/foreign-parquet.ts';
import { AppError } from '../util/errors.ts';
import { batchesOf } from './batches.ts';
import type { Destination } from './destination.ts';
import { openPostgres } from './postgres.ts';
import { openQdrant } from './qdrant.ts';

export interface Loaded {
  /** Rows that were loaded: they are in the database now. */
  readonly rows: number;
  /** Those that were new or otherwise there, where the database tells. */
  readonly changed: number | undefined;
}

/**
 * Loads every row; those that are there already stay as they are, so that the same call goes on after an end.
 * @throws AppError USAGE, FILE_INVALID, MODEL_MISMATCH where not all rows were made alike, those of the table among them; DATABASE_UNAVAILABLE; INTERRUPTED. What was
 * loaded before stays loaded
 */
export async function loadFeatures({ inputs, place }: LoadConfig, work: Work): Promise<Loaded> {
  const thread = startParquetThread();
  let destination: Destination | undefined;
  try {
    let first: RowSource | undefined;
    let [rows, left] = [0, 0];
    let changed: number | undefined;
    const files = await rowFiles(inputs, { later: 'the same command' }, work);
    for await (const source of rowSources(files, thread)) {
      first ??= source;
      const difference = rowsDifference(first, source);
      if (difference !== undefined) throw new AppError('MODEL_MISMATCH', `${source.name} was made otherwise than ${first.name}: ${difference}; load them into places of their own`); // prettier-ignore
      destination ??= await opened(place, source, work);
      for await (const batch of batchesOf(source)) {
        throwIfAborted(work);
        const more = batch.rows.length > 0 ? await destination.upsert(batch.rows) : undefined;
        if (more !== undefined) changed = (changed ?? 0) + more;
        rows += batch.rows.length;
        left += batch.left;
        work.progress({ task: 'load', done: rows, text: `${rows} rows in ${place.shown}` });
      }
    }
    throwIfAborted(work);
    if (!destination) throw new AppError('USAGE', 'there are no rows in what was given');
    if (left > 0)
      work.note(`rows with numbers that are none (NaN or infinite), which were left out: ${left}`);
    await destination.finish();
    return { rows, changed };
  } finally {
    await destination?.close();
    await thread.close();
  }
}

const opened = (place: LoadConfig['place'], source: RowSource, work: Work) =>
  place.kind === 'postgres' ? openPostgres(place, source, work) : openQdrant(place, source, work);
