// build-index.ts: rows of features -> an index, new or grown. What is in it already is left out, so that the same command goes on where it
// was stopped. Connects the stages.

import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { IndexConfig } from '../../config/indexing.ts';
import { openBlockProducts, type BlockProducts } from '../../engine/onnx/block-products.ts';
import { addRows } from '../../features/index/add-rows.ts';
import { readAxes, type Axes } from '../../features/index/axes.ts';
import { loadEngine } from '../../features/index/engine.ts';
import type { NewRows } from '../../features/index/new-rows.ts';
import {
  FILE_NAME,
  isIndexRecord,
  MAX_NUMBERS,
  readIndexRecord,
  type IndexRecord,
} from '../../features/index/record.ts';
import { startParquetThread, type ParquetThread } from '../../formats/foreign-parquet.ts';
import { wholePath } from '../../objects/address.ts';
import { isAside } from '../../util/aside.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { withFileLockOrElse } from '../../util/lock.ts';
import { checkOutputFolder } from '../../util/outputs.ts';
import { writeFailed } from '../../util/files.ts';
import { elementCount } from '../../util/shape.ts';
import { shellWord } from '../../util/shell-word.ts';
import { busy } from '../extraction-start.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { rowsDifference } from './row-origin.ts';
import { learntAxes, projected } from './learn-axes.ts';
import { rowFiles, rowSources, type RowFile, type RowSource } from './row-sources.ts';

/** What is in the index then. */
export interface BuiltIndex {
  readonly rows: number;
  /** Those that this run added. */
  readonly added: number;
}

/**
 * Where an index is replaced, it stays as it was until the new one is whole.
 * @throws AppError ENGINE_UNAVAILABLE, USAGE, FILE_INVALID, MODEL_MISMATCH where rows were made by another model than those of the index; WRITE_FAILED,
 * OUT_OF_MEMORY; INTERRUPTED. After the last two, what was taken is in the index, unless it was to be replaced.
 */
export async function buildIndex(config: IndexConfig, work: Work): Promise<BuiltIndex> {
  const folder = config.index;
  await checkOutputFolder({ flag: config.isNew ? '--out' : '--to', file: folder });
  const engine = await loadEngine();
  const action = async () => {
    const { former, replaces } = await formerIndex(config);
    const isMade = await made(folder);
    const thread = startParquetThread();
    let sources: AsyncGenerator<RowSource, void, undefined> | undefined;
    let products: BlockProducts | undefined;
    const open = async (numbers: number) => (products ??= await openBlockProducts(numbers));
    try {
      const files = await rowFiles(config.inputs, { later: 'finch index add' }, work);
      sources = rowSources(files, thread);
      const { start, axes, blocks } = await startOf(former, sources, {
        ...config,
        files,
        thread,
        work,
        open,
      });
      const project = await projectionOn(axes ?? (await storedAxes(start, folder)), start, open);
      const onRows = (rows: number) => {
        work.progress({ task: 'index', done: rows, text: `${rows} rows in the index` });
        if (replaces) throwIfAborted(work);
        return !work.signal.aborted;
      };
      const { rows } = await addRows(start, blocks, { folder, engine, axes, project, onRows, replaces });
      throwIfAborted(work);
      return { rows, added: rows - start.rows };
    } finally {
      await products?.dispose();
      await sources?.return();
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

/** What a kill by force has left before there was a record, and what is swept away. With a graph it may be an index whose record is elsewhere. */
const isLeftover = (name: string) => isAside(name) || (FILE_NAME.test(name) && !name.startsWith('graph-'));

interface Former {
  /** What rows are added to; undefined where the index is to be new. */
  readonly former?: IndexRecord;
  readonly replaces: boolean;
}

/** @throws AppError USAGE where what is there does not fit to what is to be done */
async function formerIndex({ index, isNew, force }: IndexConfig): Promise<Former> {
  const names = await readdir(index).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!isNew) {
    const former = await readIndexRecord(index);
    if (former) return { former, replaces: false };
    throw new AppError('USAGE', `${index} is ${names ? 'no index' : 'not there'}; make one with: finch index build FEATURES --out ${shellWord(index)}`); // prettier-ignore
  }
  if (!names || names.every(isLeftover)) return { replaces: false };
  const isIndex = names.includes('index.json');
  if (!isIndex) throw new AppError('USAGE', `--out ${index} is a folder with other things in it; choose another name`); // prettier-ignore
  if (!(await isIndexRecord(index))) throw new AppError('USAGE', `--out ${index} has an index.json that does not begin as finch writes it; move the folder away, or choose another name`); // prettier-ignore
  if (!force) throw new AppError('USAGE', `${index} is there already; go on with finch index add FEATURES --to ${shellWord(index)}, or replace it with --force`); // prettier-ignore
  return { replaces: true };
}

type OpenProducts = (numbers: number) => Promise<BlockProducts>;

interface Starting extends IndexConfig {
  readonly files: readonly RowFile[];
  readonly thread: ParquetThread;
  readonly work: Work;
  readonly open: OpenProducts;
}

interface Start {
  /** What the rows are added to. */
  readonly start: IndexRecord;
  /** Of a new index. */
  readonly axes: Axes | undefined;
  /** The rows that are not in it yet. */
  readonly blocks: AsyncGenerator<NewRows, void, undefined>;
}

async function startOf(
  former: IndexRecord | undefined,
  sources: AsyncGenerator<RowSource, void, undefined>,
  { connectivity, expansion, files, thread, work, open }: Starting,
): Promise<Start> {
  const first = await sources.next();
  if (first.done) throw new AppError('USAGE', 'there are no rows in what was given');
  const { name, settings, layer, rowShape } = first.value;
  const numbers = elementCount(rowShape);
  if (!(numbers >= 1 && numbers <= MAX_NUMBERS)) throw new AppError('USAGE', `${name} has rows of ${numbers} numbers, expected 1 to ${MAX_NUMBERS}; make it with --pool avg`); // prettier-ignore
  const fresh = { settings: { ...settings, layers: [layer] }, layer, rowShape: [...rowShape], connectivity, expansion, rows: 0, graphs: [], parts: [], sources: [] }; // prettier-ignore
  const start = former ?? fresh;
  const axes = former ? undefined : await learntAxes(first.value, { files, thread, work }, open);
  return { start, axes, blocks: blocksOf(first.value, sources, { start, work }) };
}

async function storedAxes({ axes, rowShape }: IndexRecord, folder: string): Promise<Axes | undefined> {
  return axes && readAxes(folder, axes, elementCount(rowShape));
}

async function projectionOn(axes: Axes | undefined, { rowShape }: IndexRecord, open: OpenProducts) {
  const products = axes && (await open(elementCount(rowShape)));
  return products && ((rows: Float32Array) => projected(products, rows, axes));
}

async function* blocksOf(
  first: RowSource,
  others: AsyncGenerator<RowSource, void, undefined>,
  { start, work }: { readonly start: IndexRecord; readonly work: Work },
): AsyncGenerator<NewRows, void, undefined> {
  const formerById = new Map(start.sources.map((former) => [former.id, former]));
  const formerNames = new Set(start.sources.map(({ name }) => name));
  const seen = new Set<string>();
  let files = 0;
  for (let source: RowSource | undefined = first; source; source = await nextOf(others)) {
    throwIfAborted(work);
    files += 1;
    work.progress({ task: 'verify', done: files, text: `${files} files of rows looked at` });
    checkAlike(start, source);
    const { id, rows } = source;
    if (seen.has(id)) continue;
    seen.add(id);
    const former = formerById.get(id);
    const name = wholePath(source.name);
    if (!former && formerNames.has(name)) throw new AppError('USAGE', `${source.name} has changed since its rows were taken, some could be in the index twice; give it another name where its pictures are others, or build the index anew (--force)`); // prettier-ignore
    const taken = former?.taken ?? 0;
    if (taken < rows) for await (const block of source.blocks(taken)) yield { ...block, source: { id, name, rows } }; // prettier-ignore
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
