// engine.ts: the library that searches without looking at every row: usearch, which is installed beside finch by who has so many rows.
// A graph of vectors of length 1, as float16: by their cosines where these are told to people, and by their inner products, which are faster and
// off by 0.00005, where the graph only finds candidates.

import type { Index } from 'usearch';
import { AppError, messageOf, systemCode } from '../../util/errors.ts';

/** What everything here was tried with; package.json and docs/search-at-size.md name the same. */
export const INDEX_PACKAGES = { usearch: '2.25.3' } as const;

/** How a graph is made: more makes it slower to build, and finds more. */
export interface GraphSettings {
  /** Neighbours of a row on each level but the lowest, where they are twice as many. */
  readonly connectivity: number;
  /** Candidates that are looked at for a new row's neighbours. */
  readonly expansion: number;
  /** Where there are some, the graph only finds candidates. */
  readonly axes?: object | undefined;
}

/** Candidates that are looked at for a query, and as many as are wanted where these are more. */
const SEARCH_EXPANSION = 512;

export interface Engine {
  /** @throws AppError OUT_OF_MEMORY */
  graph(numbers: number, settings: GraphSettings): Index;
}

/** @throws AppError ENGINE_UNAVAILABLE where it is not installed, or does not run here */
export async function loadEngine(): Promise<Engine> {
  const { Index, MetricKind, ScalarKind } = await load();
  return {
    graph: (dimensions, { connectivity, expansion, axes }) =>
      asking(
        'make a graph',
        () =>
          new Index({
            dimensions,
            metric: axes ? MetricKind.IP : MetricKind.Cos,
            quantization: ScalarKind.F16,
            connectivity,
            expansion_add: expansion,
            expansion_search: SEARCH_EXPANSION,
            multi: false,
          }),
      ),
  };
}

/**
 * Asks usearch for something. What it is given has been looked at before, so that memory is what it may lack.
 * @param what it is to do, for the message. @throws AppError OUT_OF_MEMORY
 */
export function asking<T>(what: string, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw new AppError('OUT_OF_MEMORY', `usearch cannot ${what}: ${messageOf(error)}; where memory is short, end other programs and try again`, { cause: error }); // prettier-ignore
  }
}

async function load(): Promise<typeof import('usearch')> {
  try {
    return await import('usearch');
  } catch (error) {
    const [command] = Object.entries(INDEX_PACKAGES).map(([name, version]) => `npm install --ignore-scripts ${name}@${version}`); // prettier-ignore
    const advice = `Run: ${command} where finch is installed (with --global if finch is global)`;
    const problem = systemCode(error) === 'ERR_MODULE_NOT_FOUND' ? 'which is not installed' : `which does not run here (${messageOf(error)})`; // prettier-ignore
    throw new AppError('ENGINE_UNAVAILABLE', `an index needs usearch, ${problem}. ${advice}`, {
      cause: error,
    });
  }
}
