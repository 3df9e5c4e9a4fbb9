// searched.ts: what is searched in: a file of features, in which every row is looked at, or an index of many; and how its queries are computed.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { SearchConfig } from '../config/features.ts';
import type { PreprocessingOverrides } from '../config/preprocessing.ts';
import { openVectors } from '../features/index/opened.ts';
import { readManifest, type ManifestEntry } from '../features/manifest.ts';
import { nearestRows, type Neighbour } from '../features/nearest.ts';
import { recordCandidates } from '../features/paths.ts';
import { readRecord, type FeatureRecord, type FeatureSettings } from '../features/record.ts';
import { openNpy } from '../formats/npy.ts';
import { AppError } from '../util/errors.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { elementCount, formatShape, type Shape } from '../util/shape.ts';
import { shellWord } from '../util/shell-word.ts';
import type { Embedder } from './embedding.ts';
import type { Work } from './work.ts';

/** From so many rows on, an index is worth its building. */
export const INDEX_ROWS = 100_000;

/** How rows were made. */
interface Made {
  readonly settings: FeatureSettings;
  readonly layer: string;
}

export interface Searched {
  readonly rowShape: Shape;
  /** The nearest rows to each query, nearest first; fewer queries where the work was aborted. */
  nearest(
    queries: readonly Float32Array[],
    topk: number,
    work: Work,
  ): Promise<readonly (readonly Neighbour[])[]>;
  /** Which pictures some rows are of. @throws AppError FILE_INVALID */
  names(rows: ReadonlySet<number>): Promise<ReadonlyMap<number, ManifestEntry>>;
  readonly made?: Made | undefined;
  /** How queries are computed. */
  readonly config: SearchConfig;
  /** All files that are read. */
  readonly files: readonly string[];
  close(): Promise<void>;
}

/** @throws AppError FILE_INVALID; ENGINE_UNAVAILABLE for an index where its library is missing */
export async function openSearched(given: SearchConfig, work: Work): Promise<Searched> {
  const found = await stat(given.features).catch(() => undefined);
  return found?.isDirectory() ? openIndex(given) : openFeatures(given, work);
}

async function openIndex(given: SearchConfig): Promise<Searched> {
  const folder = given.features;
  const index = await openVectors(folder);
  if (!index) throw new AppError('FILE_INVALID', `${folder} is a folder and no index; make one with: finch index build FEATURES --out ${shellWord(folder)}`); // prettier-ignore
  const { record, names, nearest, close } = index;
  return {
    rowShape: record.rowShape,
    nearest: (queries, topk, work) =>
      nearest(queries, {
        topk,
        onQuery: (done) => {
          const total = queries.length;
          work.progress({ task: 'search', done, total, text: `${done} of ${total} queries` });
          return !work.signal.aborted;
        },
      }),
    names,
    made: record,
    config: asRecorded(given, record),
    files: [folder],
    close,
  };
}

async function openFeatures(given: SearchConfig, work: Work): Promise<Searched> {
  const { features } = given;
  const stem = features.replace(/\.[^.]*$/, '');
  const rows = await openNpy(features);
  try {
    const found = await findRecord(features);
    if (!found) work.note(`${features} has no record of how it was made; --model and --layer say it`);
    if (found && !found.record.complete) {
      work.note(`${features} is not complete: ${rows.count} rows so far`);
    }
    if (rows.count >= INDEX_ROWS) work.note(`all ${rows.count} rows are looked at; an index answers at once: finch index build ${shellWord(features)} --out ${shellWord(`${stem}.index`)}`); // prettier-ignore
    const manifest = found?.manifest ?? `${stem}.csv`;
    const total = rows.count;
    return {
      rowShape: rows.rowShape,
      nearest: (queries, topk, work) =>
        nearestRows(rows, queries, {
          topk,
          onBlock: (done) => {
            work.progress({ task: 'search', done, total, text: `${done} of ${total} rows` });
            return !work.signal.aborted;
          },
        }),
      names: (wanted) => readManifest(manifest, wanted),
      made: found,
      config: found ? asRecorded(given, found) : given,
      files: [features, manifest, ...(found ? [found.file] : [])],
      close: () => rows.close(),
    };
  } catch (error) {
    await rows.close();
    throw error;
  }
}

export interface FoundRecord extends Made {
  readonly record: FeatureRecord;
  /** Where it is, and the csv beside it. */
  readonly file: string;
  readonly manifest: string;
}

/** The record that names these features among its files. */
export async function findRecord(features: string): Promise<FoundRecord | undefined> {
  for (const candidate of recordCandidates(features)) {
    const record = await readRecord(candidate);
    const named = record?.files.find(({ file }) => file === path.basename(features));
    if (record && named) {
      const manifest = `${candidate.slice(0, -path.extname(candidate).length)}.csv`;
      return { record, settings: record.settings, layer: named.layer, file: candidate, manifest };
    }
  }
  return undefined;
}

/** The query's features are computed as the file's were; flags that the user gave override this. */
function asRecorded(config: SearchConfig, { settings, layer }: Made): SearchConfig {
  const { given } = config;
  const own = given.includes('model');
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
  { rowShape, config: { features, given }, made }: Searched,
): void {
  if (elementCount(layer!.rowShape) !== elementCount(rowShape)) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${features} has rows of ${formatShape(rowShape)}, ${layer!.name} of ${model} gives ${formatShape(layer!.rowShape)}; give the --model and --layer that made it`,
    );
  }
  if (made && made.settings.weights !== weights && !given.includes('model')) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${features} was made by other weights of ${model} than those that are here; make it again, or name them with --model`,
    );
  }
}
