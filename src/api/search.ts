// search.ts: finds the pictures nearest to a picture or to words, among the pictures whose features are in a file. Connects the stages.

import path from 'node:path';
import type { Readable } from 'node:stream';
import type { PreprocessingOverrides } from '../config/preprocessing.ts';
import type { SearchConfig } from '../config/features.ts';
import { readManifest } from '../features/manifest.ts';
import { nearestRows } from '../features/nearest.ts';
import { recordCandidates } from '../features/paths.ts';
import { readRecord, type FeatureRecord } from '../features/record.ts';
import { openNpy, type NpyRows } from '../formats/npy.ts';
import type { SearchResult } from '../report/search.ts';
import { AppError } from '../util/errors.ts';
import { checkOutputs } from '../util/outputs.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { withEmbedder, type Embedder } from './embedding.ts';
import { refuseLosses, outputsOf } from './outputs.ts';
import { queriesOf, type Query } from './search-queries.ts';
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
  const index = await openIndex(given, work);
  const { config, rows, files } = index;
  try {
    await refuseLosses(outputs, { ...config, files }, work.signal);
    return await withEmbedder(config, work, async (embedder, opened) => {
      checkFit(embedder, index);
      const queries = await queriesOf(config.inputs, { embedder, opened, stdin }, work);
      return answer(config, { ...index, queries }, work);
    });
  } finally {
    await rows.close();
  }
}

/** A file of features, and what is known of how it was made. */
export interface OpenedIndex {
  readonly rows: NpyRows;
  /** The csv that says which picture a row is of. */
  readonly manifest: string;
  readonly record?: FeatureRecord | undefined;
  /** How queries are computed. */
  readonly config: SearchConfig;
  /** All files that are read. */
  readonly files: readonly string[];
}

/** @throws AppError FILE_INVALID */
export async function openIndex(given: SearchConfig, work: Work): Promise<OpenedIndex> {
  const { features } = given;
  const rows = await openNpy(features);
  try {
    const found = await findRecord(features);
    if (!found) work.note(`${features} has no record of how it was made; --model and --layer say it`);
    if (found && !found.record.complete) {
      work.note(`${features} is not complete: ${rows.count} rows so far`);
    }
    const manifest = `${found?.stem ?? features.replace(/\.[^.]*$/, '')}.csv`;
    return {
      rows,
      manifest,
      record: found?.record,
      config: found ? asRecorded(given, found.record) : given,
      files: [features, manifest, ...(found ? [`${found.stem}.json`] : [])],
    };
  } catch (error) {
    await rows.close();
    throw error;
  }
}

interface Sources extends Pick<OpenedIndex, 'rows' | 'manifest'> {
  readonly queries: readonly Query[];
}

/** The nearest rows to each query, in the order of the queries. @throws AppError INTERRUPTED */
export async function answer(
  { topk }: Pick<SearchConfig, 'topk'>,
  { rows, queries, manifest }: Sources,
  work: Work,
): Promise<readonly SearchResult[]> {
  const vectors = queries.flatMap((query) => ('row' in query ? [query.row] : []));
  const total = rows.count;
  const nearest = await nearestRows(rows, vectors, {
    topk,
    onBlock: (done) => {
      work.progress({ task: 'search', done, total, text: `${done} of ${total} rows` });
      return !work.signal.aborted;
    },
  });
  throwIfAborted(work);
  const wanted = new Set(nearest.flatMap((neighbours) => neighbours.map(({ row }) => row)));
  const pictures = await readManifest(manifest, wanted);
  let next = 0;
  return queries.map((query): SearchResult => {
    if ('error' in query) return { query: query.file, error: query.error };
    const neighbours = nearest[next++]!;
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

interface FoundRecord {
  readonly record: FeatureRecord;
  /** The common name of the files that were written together. */
  readonly stem: string;
}

/** The record that names these features among its files. */
async function findRecord(features: string): Promise<FoundRecord | undefined> {
  for (const candidate of recordCandidates(features)) {
    const record = await readRecord(candidate);
    const names = record?.files.map(({ file }) => file);
    if (record && names?.includes(path.basename(features))) {
      return { record, stem: candidate.slice(0, -path.extname(candidate).length) };
    }
  }
  return undefined;
}

/** The query's features are computed as the file's were; flags that the user gave override this. */
function asRecorded(config: SearchConfig, { settings, files }: FeatureRecord): SearchConfig {
  const { given } = config;
  const own = given.includes('model');
  const layer = files.find(({ file }) => file === path.basename(config.features))!.layer;
  return {
    ...config,
    model: own ? config.model : settings.modelSource,
    layers: given.includes('layer') || own ? config.layers : [layer],
    pool: given.includes('pool') ? config.pool : (settings.pool as SearchConfig['pool']),
    decode: { ...config.decode, ignoreExif: config.decode.ignoreExif === true || !settings.exif },
    preprocessing: own
      ? config.preprocessing
      : { ...overridesOf(settings.preprocessing), ...config.preprocessing },
  };
}

function overridesOf({ size, resize, ...rest }: Preprocessing): PreprocessingOverrides {
  // Only a square is described by its crop; another size is the model's own.
  if (typeof size === 'number') return { ...rest, minSide: resize, crop: size / resize };
  // Whole pictures have no short side before a crop.
  return { ...rest, ...(rest.mode !== 'squash' && rest.mode !== 'pad' && { minSide: resize }) };
}

/** @throws AppError MODEL_MISMATCH where the rows are not what the embedder gives */
export function checkFit(
  { model, weights, layers: [layer] }: Embedder,
  { rows: { rowShape }, config: { features, given }, record }: OpenedIndex,
): void {
  if (elementCount(layer!.rowShape) !== elementCount(rowShape)) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${features} has rows of ${formatShape(rowShape)}, ${layer!.name} of ${model} gives ${formatShape(layer!.rowShape)}; give the --model and --layer that made it`,
    );
  }
  if (record && record.settings.weights !== weights && !given.includes('model')) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${features} was made by other weights of ${model} than those that are here; make it again, or name them with --model`,
    );
  }
}
