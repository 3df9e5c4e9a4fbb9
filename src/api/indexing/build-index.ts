// build-index.ts: rows of features -> an index, new or grown. What is in it already is left out, so that the same command goes on where it
// was stopped. Connects the stages.

import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { IndexConfig } from '../../config/indexing.ts';
import { addRows, type RowBlock } from '../../features/index/add-rows.ts';
import { loadEngine } from '../../features/index/engine.ts';
import { readIndexRecord, type IndexRecord } from '../../features/index/record.ts';
import { settingsDifference } from '../../features/record.ts';
import { startParquetThread } from '../../formats/foreign-parquet.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { withFileLockOrElse } from '../../util/lock.ts';
import { checkOutputFolder } from '../../util/outputs.ts';
import { writeFailed } from '../../util/files.ts';
import { formatShape } from '../../util/shape.ts';
import { busy } from '../extraction-start.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { rowSources, type RowSource } from './row-sources.ts';

/** What is in the index then. */
export interface BuiltIndex {
  readonly rows: number;
  /** Those that this run added. */
  readonly added: number;
}

/**
 * @throws AppError USAGE, FILE_INVALID, MODEL_MISMATCH where rows were made by another model than those of the index; WRITE_FAILED;
 * INTERRUPTED, after which what was taken is in the index
 */
export async function buildIndex(config: IndexConfig, work: Work): Promise<BuiltIndex> {
  const folder = config.index;
  await checkOutputFolder({ flag: config.isNew ? '--out' : '--to', file: folder });
  const engine = await loadEngine();
  const action = async () => {
    const former = await formerRecord(config);
    const isMade = await made(folder);
    const thread = startParquetThread();
    try {
      const sources = rowSources(config.inputs, thread, work);
      const [start, blocks] = await startOf(former, sources, config);
      const onRows = (rows: number) => {
        work.progress({ task: 'index', done: rows, text: `${rows} rows in the index` });
        return !work.signal.aborted;
      };
      const { rows } = await addRows(start, blocks, { folder, engine, onRows });
      throwIfAborted(work);
      return { rows, added: rows - start.rows };
    } finally {
      await thread.close();
      // Only where nothing was written into it.
      if (isMade) await rmdir(folder).catch(() => {});
    }
  };
  return withFileLockOrElse(folder.replace(/[/\\]+$/, ''), action, (owner, lock) => busy(folder, owner, lock)); // prettier-ignore
}

/** @returns whether it was not there */
async function made(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw writeFailed(folder, error);
  }
}

/** What the index has; undefined where it is to be new. @throws AppError USAGE where that does not fit to what is there */
async function formerRecord({ index, isNew, force }: IndexConfig): Promise<IndexRecord | undefined> {
  const names = await readdir(index).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!isNew) {
    const record = await readIndexRecord(index);
    if (record) return record;
    throw new AppError('USAGE', `${index} is ${names ? 'no index' : 'not there'}; make one with: finch index build FEATURES --out ${index}`); // prettier-ignore
  }
  if (!names || names.length === 0) return undefined;
  const isIndex = names.includes('index.json');
  if (!isIndex) throw new AppError('USAGE', `--out ${index} is a folder with other things in it; choose another name`); // prettier-ignore
  if (!force) throw new AppError('USAGE', `${index} is there already; go on with finch index add FEATURES --to ${index}, or replace it with --force`); // prettier-ignore
  return undefined;
}

/** What the rows are added to, and those that are not in it yet. */
async function startOf(
  former: IndexRecord | undefined,
  sources: AsyncGenerator<RowSource, void, undefined>,
  { connectivity, expansion }: IndexConfig,
): Promise<readonly [IndexRecord, AsyncGenerator<RowBlock, void, undefined>]> {
  const first = await sources.next();
  if (first.done) throw new AppError('USAGE', 'there are no rows in what was given');
  const { settings, layer, rowShape } = first.value;
  const fresh = { settings: { ...settings, layers: [layer] }, layer, rowShape: [...rowShape], connectivity, expansion, rows: 0, graphs: [], names: [], sources: [] }; // prettier-ignore
  const start = former ?? fresh;
  return [start, blocksOf(first.value, sources, start)];
}

async function* blocksOf(
  first: RowSource,
  others: AsyncGenerator<RowSource, void, undefined>,
  start: IndexRecord,
): AsyncGenerator<RowBlock, void, undefined> {
  try {
    const seen = new Set<string>();
    for (let source: RowSource | undefined = first; source; source = await nextOf(others)) {
      const { id, name, rows } = source;
      checkAlike(start, source);
      if (seen.has(id)) continue;
      seen.add(id);
      const taken = start.sources.find((former) => former.id === id)?.taken ?? 0;
      if (taken < rows) for await (const block of source.blocks(taken)) yield { ...block, source: { id, name, rows } }; // prettier-ignore
    }
  } finally {
    await others.return();
  }
}

const nextOf = async (sources: AsyncGenerator<RowSource, void, undefined>) => {
  const { done, value } = await sources.next();
  return done ? undefined : value;
};

/** @throws AppError MODEL_MISMATCH where the rows cannot be compared with those of the index */
function checkAlike(record: IndexRecord, source: RowSource): void {
  const difference = rowsDifference(record, source);
  if (difference === undefined) return;
  throw new AppError('MODEL_MISMATCH', `${source.name} was made otherwise than the rows of the index: ${difference}; give it an index of its own`); // prettier-ignore
}

type Made = Pick<RowSource, 'settings' | 'layer' | 'rowShape'>;

/** Why rows cannot be compared with former ones, in a few words; undefined where they can. */
export function rowsDifference(former: Made, now: Made): string | undefined {
  // What changes no cosine may differ.
  const { normalize, dtype, format, inputs, device, layers } = former.settings;
  return (
    settingsDifference(former.settings, { ...now.settings, normalize, dtype, format, inputs, device, layers }) ??
    (now.layer === former.layer ? undefined : `the layer (${former.layer} before, ${now.layer} now)`) ??
    (formatShape(now.rowShape) === formatShape(former.rowShape) ? undefined : `the shape of a row (${formatShape(former.rowShape)} before, ${formatShape(now.rowShape)} now)`)
  );
} // prettier-ignore
