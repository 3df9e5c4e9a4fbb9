// search.ts: the pictures nearest to a picture, among those whose features are in a file. Wires the stages.

import path from 'node:path';
import type { PreprocessingOverrides } from '../config/preprocessing.ts';
import type { SearchConfig } from '../config/features.ts';
import { readManifest } from '../features/manifest.ts';
import { nearestRows } from '../features/nearest.ts';
import { recordCandidates } from '../features/paths.ts';
import { readRecord, type FeatureRecord } from '../features/record.ts';
import { openNpy, type NpyRows } from '../formats/npy.ts';
import { imageReferences } from '../images/source.ts';
import type { FoundPicture, SearchResult } from '../report/search.ts';
import { searchHtml, searchJson, searchTable } from '../report/search.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { note, write, type Output } from './output.ts';
import { thumbnailOf } from './thumbnails.ts';

export async function search(given: SearchConfig, output: Output): Promise<ExitCodeValue> {
  const rows = await openNpy(given.features);
  try {
    const found = await findRecord(given.features);
    const config = found ? asRecorded(given, found.record) : given;
    if (!found)
      note(output, `${given.features} has no record of how it was made; --model and --layer say it`);
    if (found && !found.record.complete) {
      note(output, `${given.features} is not complete: ${rows.count} rows so far`);
    }
    const embedder = await openEmbedder(config, output);
    try {
      checkFit(embedder, rows, config, found?.record);
      const manifest = `${found?.stem ?? given.features.replace(/\.[^.]*$/, '')}.csv`;
      return await answer(config, output, { rows, embedder, manifest });
    } finally {
      await embedder.dispose();
    }
  } finally {
    await rows.close();
  }
}

interface Sources {
  readonly rows: NpyRows;
  readonly embedder: Embedder;
  readonly manifest: string;
}

async function answer(
  config: SearchConfig,
  output: Output,
  { rows, embedder, manifest }: Sources,
): Promise<ExitCodeValue> {
  const queries: ({ readonly file: string; readonly row: Float32Array } | { readonly file: string; readonly error: AppError })[] = []; // prettier-ignore
  for await (const image of embedder.embed(imageReferences(config.inputs, output.stdin, output.signal))) {
    const { file } = image;
    queries.push('error' in image ? { file, error: image.error } : { file, row: image.rows[0]! });
    if (output.signal.aborted) return ExitCode.interrupted;
  }
  const vectors = queries.flatMap((query) => ('row' in query ? [query.row] : []));
  const status = statusLine(output.stderr);
  const nearest = await nearestRows(rows, vectors, {
    topk: config.topk,
    onBlock: (done) => {
      status.update(`${done} of ${rows.count} rows`);
      return !output.signal.aborted;
    },
  }).finally(() => status.clear());
  if (output.signal.aborted) return ExitCode.interrupted;
  const wanted = new Set(nearest.flatMap((neighbours) => neighbours.map(({ row }) => row)));
  const pictures = await readManifest(manifest, wanted);
  let next = 0;
  const results = queries.map((query): SearchResult => {
    if ('error' in query) return { query: query.file, error: query.error };
    const neighbours = nearest[next++]!;
    return {
      query: query.file,
      results: neighbours.map(({ row, similarity }, i) => ({
        rank: i + 1,
        row,
        ...pictures.get(row)!,
        similarity,
      })),
    };
  });
  await report(results, config, output, path.dirname(config.features));
  const failed = results.filter((result) => 'error' in result).length;
  if (failed > 0) note(output, `${failed} of ${results.length} queries failed; their rows say why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}

async function report(
  results: readonly SearchResult[],
  { format, out, features, topk }: SearchConfig,
  output: Output,
  besides: string,
): Promise<void> {
  const text = await formatted();
  if (out === undefined) return write(output.stdout, text);
  await writeFileAtomic(out, text);
  note(output, `${format}: ${out}`);

  async function formatted(): Promise<string> {
    switch (format) {
      case 'table':
        return searchTable(results);
      case 'json':
        return searchJson(results);
      case 'html': {
        const files = new Set(
          results.flatMap((result) => [
            result.query,
            ...('results' in result ? result.results.map((found: FoundPicture) => found.file) : []),
          ]),
        );
        const thumbnails = new Map<string, string>();
        for (const file of files) {
          const thumbnail = await thumbnailOf(file, besides);
          if (thumbnail !== undefined) thumbnails.set(file, thumbnail);
        }
        return searchHtml(results, { features, topk, thumbnails });
      }
      default:
        throw new Error(format satisfies never);
    }
  }
}

interface FoundRecord {
  readonly record: FeatureRecord;
  /** Of the files that were written together. */
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

/** The query is made a row of as the features were; flags that were given stand above that. */
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
  return { ...rest, minSide: resize, crop: size / resize };
}

function checkFit(
  { model, weights, layers: [layer] }: Embedder,
  { rowShape }: NpyRows,
  { features, given }: SearchConfig,
  record: FeatureRecord | undefined,
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
