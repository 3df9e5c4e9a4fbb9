// opened.ts: an index that is searched: its graphs stay on the disk and are mapped into memory, so that as much of them is there as fits. They
// find candidates; the whole vectors of these say which are the nearest.

import { closeSync, constants, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Index } from 'usearch';
import { checkUsearchFile } from '../../formats/usearch-file.ts';
import { normalized } from '../../util/dot.ts';
import { AppError, openingProblem, systemCode } from '../../util/errors.ts';
import { elementCount } from '../../util/shape.ts';
import type { Neighbour } from '../nearest.ts';
import { project, readAxes } from './axes.ts';
import { asking, loadEngine } from './engine.ts';
import { openRowParts, type OpenedRows } from './row-parts.ts';
import { readIndexRecord, type GraphFile, type IndexRecord } from './record.ts';

/** Rows of which the whole vectors are looked at for a query: at least so many, and four times as many as are wanted, or a thousand more. */
const candidatesFor = (topk: number) => Math.max(128, Math.min(4 * topk, topk + 1000));

export interface OpenedVectors extends Pick<OpenedRows, 'close' | 'names'> {
  readonly record: IndexRecord;
  /**
   * For each query nearly all of its `topk` nearest rows, nearest first; of equals, the lower row first.
   * @param queries vectors as long as a row
   * @param onQuery called with the number of queries that are done; returning false ends the search
   */
  readonly nearest: (
    queries: readonly Float32Array[],
    options: { readonly topk: number; readonly onQuery?: (done: number) => boolean },
  ) => Promise<readonly (readonly Neighbour[])[]>;
}

/** Undefined where the folder is no index. @throws AppError FILE_INVALID where it is damaged; ENGINE_UNAVAILABLE, OUT_OF_MEMORY */
export async function openVectors(folder: string): Promise<OpenedVectors | undefined> {
  let record = await readIndexRecord(folder);
  while (record) {
    try {
      return await openRecorded(folder, record);
    } catch (error) {
      // Who adds rows meanwhile removes files that the former record named.
      const former = record;
      record = await readIndexRecord(folder);
      if (isDeepStrictEqual(record, former)) throw error;
    }
  }
  return undefined;
}

async function openRecorded(folder: string, record: IndexRecord): Promise<OpenedVectors> {
  const engine = await loadEngine();
  const numbers = elementCount(record.rowShape);
  const axes = record.axes && (await readAxes(folder, record.axes, numbers));
  let from = 0;
  const graphs: { readonly from: number; readonly rows: number; readonly graph: ReturnType<typeof engine.graph> }[] = []; // prettier-ignore
  for (const part of record.graphs) {
    const file = await checkGraph(folder, part, record);
    const graph = engine.graph(graphNumbers(record), record);
    if (part.vectors > 0) view(graph, file);
    graphs.push({ from, rows: part.rows, graph });
    from += part.rows;
  }
  const { names, cosines, close } = await openRowParts(folder, record.parts, numbers);
  /** So many rows that are the nearest to a vector of length 1 as the graphs see it, of all graphs. */
  const seenNearest = (seen: Float32Array, count: number): readonly Neighbour[] => {
    const all: Neighbour[] = [];
    for (const { from, rows, graph } of graphs) {
      const { keys, distances } = asking(`search in ${folder}`, () => graph.search(seen, Math.min(count, rows), 1)); // prettier-ignore
      keys.forEach((key, i) => {
        // A key is not followed by the library, and so it is looked at only here.
        const row = Number(key);
        if (row >= rows) throw new AppError('FILE_INVALID', `${folder} found row ${row} of ${rows}; build the index again`); // prettier-ignore
        all.push({ row: from + row, similarity: 1 - distances[i]! });
      });
    }
    return sorted(all).slice(0, count);
  };
  const candidates = async (unit: Float32Array, topk: number): Promise<readonly Neighbour[]> => {
    if (!axes) return seenNearest(unit, topk);
    const rows = seenNearest(normalized(project(axes, unit)), candidatesFor(topk)).map(({ row }) => row);
    const whole = await cosines(unit, rows);
    return rows.map((row, i) => ({ row, similarity: whole[i]! }));
  };
  return {
    record,
    names,
    close,
    async nearest(queries, { topk, onQuery }) {
      const found: (readonly Neighbour[])[] = [];
      for (const query of queries) {
        const unit = normalized(query);
        const isZero = unit.every((value) => value === 0);
        const near = await candidates(unit, topk);
        // Before they are sorted: what is equal but for rounding comes by its row.
        const bounded = near.map(({ row, similarity }) => ({ row, similarity: isZero ? 0 : Math.max(-1, Math.min(1, similarity)) })); // prettier-ignore
        found.push(sorted(bounded).slice(0, topk));
        if (onQuery?.(found.length) === false) break;
        await nextTurn();
      }
      return found;
    },
  };
}

/** Nearest first; of equals, the lower row first. A similarity that is no number is left out. */
function sorted(neighbours: readonly Neighbour[]): readonly Neighbour[] {
  const known = neighbours.filter(({ similarity }) => !Number.isNaN(similarity));
  return known.toSorted((a, b) => b.similarity - a.similarity || a.row - b.row);
}

/**
 * Maps a file into memory. Where the library cannot open one, it closes a file it never opened, which is the standard input or whatever
 * else has number 0: so the file is held open meanwhile, and a file of another user, which the library would open with O_NOATIME and
 * may not, is loaded. @throws AppError FILE_INVALID, OUT_OF_MEMORY
 */
export function view(graph: Index, file: string): void {
  let held: number;
  try {
    held = openSync(file, constants.O_RDONLY | (constants.O_NOATIME ?? 0));
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw notOpened(file, error);
    asking(`load ${file}`, () => graph.load(file));
    return;
  }
  try {
    // One more file can be opened.
    closeSync(openSync(file, 'r'));
    // Leads to the file that is held, also when somebody has removed its name.
    const name = `/dev/fd/${held}`;
    asking(`open ${file}`, () => graph.view(existsSync(name) ? name : file));
  } finally {
    closeSync(held);
  }
}

const notOpened = (file: string, error: unknown) =>
  new AppError('FILE_INVALID', `${file}: ${openingProblem(error, 'is not there')}; build the index again`, { cause: error }); // prettier-ignore

/** The file of a graph that can be given to the library. @throws AppError FILE_INVALID */
export async function checkGraph(
  folder: string,
  graph: GraphFile,
  record: Pick<IndexRecord, 'rowShape' | 'connectivity' | 'axes'>,
): Promise<string> {
  const file = path.join(folder, graph.file);
  await checkUsearchFile(file, { ...graph, ...expectedOf(record) }).catch((error: unknown) => {
    throw error instanceof AppError ? error : notOpened(file, error);
  });
  return file;
}

/** Of a vector in a graph. */
export const graphNumbers = ({ rowShape, axes }: Pick<IndexRecord, 'rowShape' | 'axes'>): number =>
  axes?.count ?? elementCount(rowShape);

/** What every graph of an index has to be. */
export const expectedOf = (record: Pick<IndexRecord, 'rowShape' | 'connectivity' | 'axes'>) =>
  ({ numbers: graphNumbers(record), connectivity: record.connectivity, metric: record.axes ? 'inner product' : 'cosine' }) as const; // prettier-ignore
