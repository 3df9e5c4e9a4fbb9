// search.ts: finds the pictures nearest to a picture or to words, among the pictures whose features are in a file. Connects the stages.

import type { Readable } from 'node:stream';
import type { SearchConfig } from '../config/features.ts';
import type { SearchResult } from '../report/search.ts';
import { checkOutputs } from '../util/outputs.ts';
import { noteIdlePool, withEmbedder } from './embedding.ts';
import { refuseLosses, outputsOf } from './outputs.ts';
import { queriesOf, type Query } from './search-queries.ts';
import { checkFit, openSearched, type Searched } from './searched.ts';
import { throwIfAborted, type Work } from './work.ts';

/**
 * The nearest rows to each query, in the order of the queries.
 * @throws AppError MODEL_MISMATCH where the features were made by another model; INTERRUPTED
 */
export async function searchFeatures(
  given: SearchConfig,
  stdin: Readable,
  work: Work,
): Promise<readonly SearchResult[]> {
  const outputs = outputsOf({ '--out': given.out });
  await checkOutputs(outputs);
  const searched = await openSearched(given, work);
  const { config, files } = searched;
  try {
    await refuseLosses(outputs, { ...config, files }, work.signal);
    return await withEmbedder(config, work, async (embedder, opened) => {
      noteIdlePool(embedder, config.pool, work);
      checkFit(embedder, searched);
      const queries = await queriesOf(config.inputs, { embedder, opened, stdin }, work);
      return answer(config, { ...searched, queries }, work);
    });
  } finally {
    await searched.close();
  }
}

interface Asked extends Pick<Searched, 'nearest' | 'names'> {
  readonly queries: readonly Query[];
}

/** The nearest rows to each query, in the order of the queries. @throws AppError INTERRUPTED */
export async function answer(
  { topk }: Pick<SearchConfig, 'topk'>,
  { nearest, names, queries }: Asked,
  work: Work,
): Promise<readonly SearchResult[]> {
  const vectors = queries.flatMap((query) => ('row' in query ? [query.row] : []));
  const found = await nearest(vectors, topk, work);
  throwIfAborted(work);
  const wanted = new Set(found.flatMap((neighbours) => neighbours.map(({ row }) => row)));
  const pictures = await names(wanted);
  let next = 0;
  return queries.map((query): SearchResult => {
    if ('error' in query) return { query: query.file, error: query.error };
    const neighbours = found[next++]!;
    return {
      query: query.file,
      isWords: query.isWords,
      results: neighbours.map(({ row, similarity }, i) => ({
        rank: i + 1,
        row,
        ...pictures.get(row)!,
        similarity,
      })),
    };
  });
}
