// history.ts: what the folder of a run says of it afterwards, finished or not. Anybody may have edited the files: each is checked.

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import * as z from 'zod';
import { AppError } from '../util/errors.ts';
import { isThere, readRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { readRunRecord } from './records.ts';
import { runPaths } from './run-folder.ts';

const text = z.string().max(65_536);
const number = z.number();

const CONFIG = z.object({
  learntFrom: z.literal('shards').optional(),
  dataset: text,
  model: text,
  settings: z.record(text, z.unknown()),
});

const SUMMARY = z.object({
  top1: number.optional(),
  top5: number.optional(),
  meanAveragePrecision: number.optional(),
  loss: number.nullable(),
  bestEpoch: number,
  epochs: number.optional(),
  classes: number,
  samples: number,
  trainSamples: number.optional(),
  device: text,
  seconds: number,
  ended: text.optional(),
  failed: z.array(text).optional(),
});

/** An epoch of metrics.csv, by the names of its columns. */
export type MetricsRow = Readonly<Record<string, string>>;

export interface RunHistory {
  readonly folder: string;
  /** The folder's own name. */
  readonly name: string;
  /** When it was begun, in milliseconds since 1970. */
  readonly began: number;
  /** Of a run of `finch shards learn`. */
  readonly learntFrom?: 'shards' | undefined;
  readonly dataset: string;
  readonly model: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Absent while the run is not finished. */
  readonly summary?: z.infer<typeof SUMMARY>;
  readonly metrics: readonly MetricsRow[];
}

/** Tens of thousands of epochs. */
const MAX_METRICS_BYTES = 64 * 1024 ** 2;

/** @throws AppError USAGE where it is no run's folder, CHECKPOINT_INVALID where its files are damaged */
export async function readRun(folder: string): Promise<RunHistory> {
  const paths = runPaths(folder);
  const config = await readRunRecord(paths.config, CONFIG);
  if (!config) throw new AppError('USAGE', `${quoted(folder)} is no folder of a run: it has no config.json`);
  const summary = await readRunRecord(paths.summary, SUMMARY);
  const { mtimeMs } = await stat(paths.config);
  return {
    folder,
    name: path.basename(path.resolve(folder)),
    began: mtimeMs,
    ...config,
    ...(summary && { summary }),
    metrics: await rowsOf(paths.metrics),
  };
}

/** The runs in a folder, the oldest first; what is damaged is told and left out. */
export async function readRuns(
  root: string,
  onDamaged: (problem: string) => void,
): Promise<readonly RunHistory[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((): [] => []);
  const runs: RunHistory[] = [];
  for (const entry of entries) {
    const folder = path.join(root, entry.name);
    // Runs that were deleted lie in a hidden folder.
    const isRun =
      entry.isDirectory() && !entry.name.startsWith('.') && (await isThere(runPaths(folder).config));
    if (!isRun) continue;
    try {
      runs.push(await readRun(folder));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      onDamaged(error.message);
    }
  }
  return runs.toSorted((a, b) => a.began - b.began || (a.name < b.name ? -1 : 1));
}

/** What a csv of the run holds; nothing where there is none or it is damaged. */
export async function rowsOf(file: string): Promise<readonly MetricsRow[]> {
  try {
    const bytes = await readRegularFile(file, { limit: MAX_METRICS_BYTES });
    return parse(bytes.toString(), { columns: true });
  } catch {
    return [];
  }
}
