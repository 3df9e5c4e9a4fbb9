// add-rows.ts: rows into the folder of an index. One graph is in memory at a time; when it is full, or when no more rows come, it is written,
// then the record that names it. What comes before an end by force is in the record, or is swept away.

import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Index } from 'usearch';
import { checkUsearchFile } from '../../formats/usearch-file.ts';
import { dot, scaleToUnits } from '../../util/dot.ts';
import { AppError, messageOf } from '../../util/errors.ts';
import { makeDurable, writeFailed } from '../../util/files.ts';
import { float32ToFloat16 } from '../../util/float16.ts';
import { elementCount } from '../../util/shape.ts';
import { writeAxes, type Axes } from './axes.ts';
import { asking, type Engine } from './engine.ts';
import { Held, rowsAtOnce, type NewRows } from './new-rows.ts';
import { checkGraph, expectedOf, graphNumbers } from './opened.ts';
import { FILE_NAME, readIndexRecord, writeIndexRecord, type IndexRecord } from './record.ts';
import { PartWriter } from './row-parts.ts';

/** Of a graph in memory. */
const GRAPH_BYTES = 3 * 2 ** 30;
const MOST_GRAPH_ROWS = 2 ** 20;
/** So many parts, each of few rows, are joined by who adds next: each search opens the files of all of them. */
const SMALL_PARTS = 16;

/** Rows of one graph: a row has its numbers as float16, and on the lowest level twice as many links of four bytes as on the others. */
const rowsOfGraph = (numbers: number, connectivity: number) =>
  Math.min(MOST_GRAPH_ROWS, Math.floor(GRAPH_BYTES / (2 * numbers + 8 * connectivity)));

interface Adding {
  readonly folder: string;
  readonly engine: Engine;
  /** Of an index that is new: they are written before its rows. */
  readonly axes?: Axes | undefined;
  /** The projection of rows on the axes, `[N, numbers]` -> `[N, count]`; given where there are some. @throws AppError OUT_OF_MEMORY */
  readonly project?: ((rows: Float32Array) => Promise<Float32Array>) | undefined;
  /** Called with the rows of the index; returning false ends the work, after what was taken is kept. */
  readonly onRows: (rows: number) => boolean;
  /** Whether the record in the folder stays as it is until all rows are there. */
  readonly replaces: boolean;
  readonly graphRows?: number;
}

/**
 * @returns the record that is in the folder then
 * @throws AppError WRITE_FAILED, OUT_OF_MEMORY; what `blocks` throws. The rows before that are kept, unless a record is replaced.
 */
export async function addRows(
  start: IndexRecord,
  blocks: AsyncIterable<NewRows>,
  adding: Adding,
): Promise<IndexRecord> {
  const { folder, axes, replaces } = adding;
  let record = start;
  const source = new Held(blocks);
  const before = new Set(await readdir(folder));
  let written: IndexRecord | undefined;
  const write = async () => {
    await writeIndexRecord(folder, record);
    written = record;
  };
  try {
    if (axes) record = { ...record, axes: await writeAxes(folder, axes) };
    while (await source.hasMore()) {
      const part = await addPart(record, source, adding);
      record = part.record;
      if (!replaces) await write();
      if (part.failure) throw part.failure;
      if (part.isStopped) return record;
    }
    if (replaces) await write();
    return record;
  } finally {
    await source.close();
    await sweep(folder, { before, written });
  }
}

interface Part {
  /** With the new rows; it is not in the folder yet. */
  readonly record: IndexRecord;
  readonly isStopped: boolean;
  /** What ended the part before the next block was taken. */
  readonly failure: AppError | undefined;
}

/** One graph, filled or filled up, and the names and vectors of its new rows. */
async function addPart(
  record: IndexRecord,
  blocks: Held,
  { folder, engine, project, onRows, graphRows: most }: Adding,
): Promise<Part> {
  const numbers = elementCount(record.rowShape);
  const seenNumbers = graphNumbers(record);
  const graphRows = most ?? rowsOfGraph(seenNumbers, record.connectivity);
  const last = record.graphs.at(-1);
  const former = last && last.rows + rowsAtOnce(numbers) <= graphRows ? last : undefined;
  const graph = engine.graph(seenNumbers, record);
  if (former && former.vectors > 0) {
    const file = await checkGraph(folder, former, record);
    asking(`load ${file}`, () => graph.load(file));
  }
  let [rows, vectors] = [former?.rows ?? 0, former?.vectors ?? 0];
  const chance = randomBytes(8).toString('hex');
  const part = await PartWriter.open(folder, { names: `names-${chance}.csv`, starts: `starts-${chance}.bin`, ...(project && { vectors: `vectors-${chance}.bin` }) }, numbers); // prettier-ignore
  const sources = new Map(record.sources.map((source) => [source.id, source]));
  let added = 0;
  let isStopped = false;
  let failure: AppError | undefined;
  try {
    const small = record.parts.slice(
      1 + record.parts.findLastIndex((former) => former.rows >= graphRows / 2),
    );
    const joined = small.length >= SMALL_PARTS ? small : [];
    for (const former of joined) await part.join(former);
    for (;;) {
      // An error of the next block ends this part; it comes again when the next part begins with it.
      const block = await blocks.peek().catch(() => undefined);
      const count = block?.entries.length ?? 0;
      if (!block || isStopped || (rows > 0 && rows + count > graphRows)) break;
      scaleToUnits(block.vectors, numbers);
      const whole = project && float32ToFloat16(block.vectors);
      try {
        const seen = project ? await project(block.vectors) : block.vectors;
        if (project) scaleToUnits(seen, seenNumbers);
        vectors += addVectors(graph, seen, { numbers: seenNumbers, from: rows });
      } catch (error) {
        // The rows before are kept where none of these is in the graph.
        if (!(error instanceof AppError) || added === 0 || graph.size() !== vectors) throw error;
        failure = error;
        break;
      }
      await part.add(block.entries, whole);
      const taken = sources.get(block.source.id)?.taken ?? 0;
      sources.set(block.source.id, { ...block.source, taken: taken + count });
      rows += count;
      added += count;
      blocks.take();
      isStopped = !onRows(record.rows + added);
      await nextTurn();
    }
    const files = {
      graph: await writeGraph(graph, { folder, name: `graph-${chance}.usearch`, rows, vectors, record }), // prettier-ignore
      part: await part.finish(),
    };
    const grown: IndexRecord = {
      ...record,
      rows: record.rows + added,
      graphs: [...record.graphs.slice(0, former ? -1 : undefined), files.graph],
      parts: [...record.parts.slice(0, record.parts.length - joined.length), files.part],
      sources: [...sources.values()],
    };
    return { record: grown, isStopped, failure };
  } finally {
    await part.close();
  }
}

/** @returns how many were added: rows that are not numbers are near to nothing, and are left out. @throws AppError OUT_OF_MEMORY */
function addVectors(
  graph: Index,
  vectors: Float32Array,
  { numbers, from }: { readonly numbers: number; readonly from: number },
): number {
  const keys: bigint[] = [];
  for (let at = 0; at < vectors.length; at += numbers) {
    const row = vectors.subarray(at, at + numbers);
    if (!Number.isFinite(dot(row, row))) continue;
    vectors.copyWithin(keys.length * numbers, at, at + numbers);
    keys.push(BigInt(from + at / numbers));
  }
  if (keys.length > 0) {
    const units = vectors.subarray(0, keys.length * numbers);
    asking(`take more than ${from} rows into a graph`, () => graph.add(BigUint64Array.from(keys), units, availableParallelism())); // prettier-ignore
  }
  return keys.length;
}

/** @throws AppError WRITE_FAILED */
function save(graph: Index, file: string): void {
  try {
    graph.save(file);
  } catch (error) {
    // The library does not say what the system said.
    throw new AppError('WRITE_FAILED', `cannot write ${file}: ${messageOf(error)}; make sure that the disk has room for it`, { cause: error }); // prettier-ignore
  }
}

interface NewGraph {
  readonly folder: string;
  readonly name: string;
  readonly rows: number;
  readonly vectors: number;
  readonly record: IndexRecord;
}

/** @throws AppError WRITE_FAILED */
async function writeGraph(
  graph: Index,
  { folder, name, rows, vectors, record }: NewGraph,
): Promise<IndexRecord['graphs'][number]> {
  const file = path.join(folder, name);
  try {
    save(graph, file);
    await makeDurable(file);
    const { size } = await stat(file);
    const expected = { bytes: size, vectors, ...expectedOf(record) };
    return { file: name, rows, vectors, bytes: size, sha256: await checkUsearchFile(file, expected) };
  } catch (error) {
    throw writeFailed(file, error);
  }
}

/**
 * Removes what the record does not name, which a process that was ended has left. Where the record cannot be read, what was not there before, but for
 * what this process has written into a record.
 */
async function sweep(
  folder: string,
  { before, written }: { readonly before: ReadonlySet<string>; readonly written: IndexRecord | undefined },
): Promise<void> {
  let kept: ReadonlySet<string | undefined>;
  try {
    kept = namedIn(await readIndexRecord(folder));
  } catch (error) {
    if (!(error instanceof AppError)) return;
    kept = new Set([...before, ...namedIn(written)]);
  }
  for (const name of await readdir(folder).catch((): string[] => [])) {
    // Windows keeps what a search has mapped; who adds next removes it.
    if (FILE_NAME.test(name) && !kept.has(name)) await rm(path.join(folder, name), { force: true }).catch(() => {}); // prettier-ignore
  }
}

function namedIn(record: IndexRecord | undefined): ReadonlySet<string | undefined> {
  const { graphs = [], parts = [], axes } = record ?? {};
  return new Set([...graphs.map(({ file }) => file), ...parts.flatMap(({ names, starts, vectors }) => [names, starts, vectors]), axes?.file]); // prettier-ignore
}
