// add-rows.ts: rows into the folder of an index. One graph is in memory at a time; when it is full, or when no more rows come, it is written,
// then the record that names it. What comes before an end by force is in the record, or is swept away.

import { randomBytes } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Index } from 'usearch';
import { checkUsearchFile } from '../../formats/usearch-file.ts';
import { dot } from '../../util/dot.ts';
import { writeFailed } from '../../util/files.ts';
import { elementCount } from '../../util/shape.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { Engine } from './engine.ts';
import { NamesWriter } from './names.ts';
import { checkGraph } from './opened.ts';
import {
  FILE_NAME,
  readIndexRecord,
  writeIndexRecord,
  type IndexRecord,
  type IndexSource,
} from './record.ts';

/** Some rows of one source, in their order. */
export interface RowBlock {
  readonly source: Omit<IndexSource, 'taken'>;
  /** `[N, numbers]`; they are scaled to length 1 in place. */
  readonly vectors: Float32Array;
  /** N of them. */
  readonly entries: readonly ManifestEntry[];
}

/** Rows that are added at a time: signals are heard, and progress is told, between them. */
export const BLOCK_ROWS = 512;

/** Rows of one graph: 3 GB of memory with 1,280 numbers a row. */
const GRAPH_ROWS = 2 ** 20;

interface Adding {
  readonly folder: string;
  readonly engine: Engine;
  /** Called with the rows of the index; returning false ends the work, after what was taken is kept. */
  readonly onRows: (rows: number) => boolean;
  readonly graphRows?: number;
}

/**
 * @returns the record that is in the folder then
 * @throws AppError WRITE_FAILED; what `blocks` throws, after the rows before it are kept
 */
export async function addRows(
  start: IndexRecord,
  blocks: AsyncIterable<RowBlock>,
  adding: Adding,
): Promise<IndexRecord> {
  let record = start;
  const source = new Held(blocks);
  try {
    while (await source.hasMore()) {
      const part = await addPart(record, source, adding);
      record = part.record;
      if (part.isStopped) break;
    }
    return record;
  } finally {
    await source.close();
    await sweep(adding.folder);
  }
}

/** Blocks that can be looked at before they are taken. What is wrong with the next one waits until it is asked for. */
class Held {
  readonly #blocks: AsyncIterator<RowBlock>;
  #next: Promise<IteratorResult<RowBlock>> | undefined;

  constructor(blocks: AsyncIterable<RowBlock>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  async peek(): Promise<RowBlock | undefined> {
    this.#next ??= this.#blocks.next();
    const { done, value } = await this.#next;
    return done ? undefined : value;
  }

  take(): void {
    this.#next = undefined;
  }

  hasMore = async () => (await this.peek()) !== undefined;

  async close(): Promise<void> {
    await this.#blocks.return?.();
  }
}

/** One graph, filled or filled up, and the names of its new rows. */
async function addPart(
  record: IndexRecord,
  blocks: Held,
  { folder, engine, onRows, graphRows = GRAPH_ROWS }: Adding,
): Promise<{ readonly record: IndexRecord; readonly isStopped: boolean }> {
  const numbers = elementCount(record.rowShape);
  const last = record.graphs.at(-1);
  const former = last && last.rows + BLOCK_ROWS <= graphRows ? last : undefined;
  const graph = engine.graph(numbers, record);
  if (former && former.vectors > 0) graph.load(await checkGraph(folder, former, record));
  let [rows, vectors] = [former?.rows ?? 0, former?.vectors ?? 0];
  const chance = randomBytes(8).toString('hex');
  const names = await NamesWriter.open(folder, { file: `names-${chance}.csv`, starts: `starts-${chance}.bin` }); // prettier-ignore
  const sources = new Map(record.sources.map((source) => [source.id, source]));
  let added = 0;
  let isStopped = false;
  try {
    for (;;) {
      // An error of the next block ends this part; it comes again when the next part begins with it.
      const block = await blocks.peek().catch(() => undefined);
      const count = block?.entries.length ?? 0;
      if (!block || isStopped || (rows > 0 && rows + count > graphRows)) break;
      vectors += addVectors(graph, block.vectors, { numbers, from: rows });
      await names.add(block.entries);
      const taken = sources.get(block.source.id)?.taken ?? 0;
      sources.set(block.source.id, { ...block.source, taken: taken + count });
      rows += count;
      added += count;
      blocks.take();
      isStopped = !onRows(record.rows + added);
      await nextTurn();
    }
    const files = {
      graph: await writeGraph(graph, { folder, name: `graph-${chance}.usearch`, rows, vectors, numbers, record }), // prettier-ignore
      names: await names.finish(),
    };
    const grown: IndexRecord = {
      ...record,
      rows: record.rows + added,
      graphs: [...record.graphs.slice(0, former ? -1 : undefined), files.graph],
      names: [...record.names, files.names],
      sources: [...sources.values()],
    };
    await writeIndexRecord(folder, grown);
    return { record: grown, isStopped };
  } finally {
    await names.close();
  }
}

/** @returns how many were added: rows that are not numbers are near to nothing, and are left out */
function addVectors(
  graph: Index,
  vectors: Float32Array,
  { numbers, from }: { readonly numbers: number; readonly from: number },
): number {
  const keys: bigint[] = [];
  for (let at = 0; at < vectors.length; at += numbers) {
    const row = vectors.subarray(at, at + numbers);
    const length = Math.sqrt(dot(row, row));
    if (!Number.isFinite(length)) continue;
    const place = keys.length * numbers;
    if (length > 0) for (let i = 0; i < numbers; i++) vectors[place + i] = row[i]! / length;
    else vectors.copyWithin(place, at, at + numbers);
    keys.push(BigInt(from + at / numbers));
  }
  if (keys.length > 0) {
    graph.add(BigUint64Array.from(keys), vectors.subarray(0, keys.length * numbers), availableParallelism());
  }
  return keys.length;
}

interface NewGraph {
  readonly folder: string;
  readonly name: string;
  readonly rows: number;
  readonly vectors: number;
  readonly numbers: number;
  readonly record: IndexRecord;
}

/** @throws AppError WRITE_FAILED */
async function writeGraph(
  graph: Index,
  { folder, name, rows, vectors, numbers, record }: NewGraph,
): Promise<IndexRecord['graphs'][number]> {
  const file = path.join(folder, name);
  try {
    graph.save(file);
    const handle = await open(file);
    await handle.sync().finally(() => handle.close());
    const { size } = await stat(file);
    const expected = { bytes: size, vectors, numbers, connectivity: record.connectivity };
    return { file: name, rows, vectors, bytes: size, sha256: await checkUsearchFile(file, expected) };
  } catch (error) {
    throw writeFailed(file, error);
  }
}

/** Removes what the record does not name, which a process that was ended has left. */
async function sweep(folder: string): Promise<void> {
  const record = await readIndexRecord(folder).catch(() => 'damaged' as const);
  if (record === 'damaged') return;
  const { graphs = [], names = [] } = record ?? {};
  const kept = new Set([...graphs.map(({ file }) => file), ...names.flatMap(({ file, starts }) => [file, starts])]); // prettier-ignore
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (FILE_NAME.test(name) && !kept.has(name)) await rm(path.join(folder, name), { force: true });
  }
}
