// learning.ts: `finetune` and `evaluate` for programs. They print nothing.

import { evaluateConfig } from '../config/evaluate.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import { evaluationRecord, type EvaluationRecord } from '../report/evaluation.ts';
import { evaluateDataset } from './evaluate.ts';
import type { FinetuneOptions } from './finetune-options.ts';
import type { RunSummary } from './finetune/results.ts';
import { executeRun, prepareRun } from './finetune/run.ts';
import { flagsOf, inOptionNames, type RunOptions } from './options.ts';
import { workOf, type WorkOptions } from './work.ts';

export interface EvaluateOptions extends RunOptions, WorkOptions {
  /** A model's name or folder, or several: `a,b`, `a:0.6,b:0.4`; `efficientnet_lite0` by default. */
  readonly model?: string | undefined;
  /** Which pictures; by default those of test/, else of val/, else all. */
  readonly split?: 'train' | 'val' | 'test' | 'all' | undefined;
  /** Columns of a csv of pictures, such as `file,label`, or the csv's name inside the dataset. */
  readonly manifest?: string | undefined;
  /** Pictures of no class: adds `unknown`, how well the model tells them. */
  readonly unknown?: string | undefined;
}

/** The result of a run. */
export interface FinetunedRun {
  /** The run's folder: config.json, metrics.csv, summary.json, report.html, best/ and last/. */
  readonly folder: string;
  /** The model folder of the best weights: for `openModel` and `evaluate`. */
  readonly best: string;
  /** What summary.json holds. */
  readonly summary: RunSummary;
}

/**
 * Teaches a network the classes of a dataset: first a new head, then all of it. Writes a run folder.
 * @param dataset a folder of class folders, train/ and val/ with class folders, a csv, or CUB-200-2011; undefined with `resume: DIR`
 * @throws FinchError USAGE, DATASET_NOT_FOUND, DATASET_INVALID, OUT_OF_MEMORY …; INTERRUPTED once `signal` is aborted, after
 *   what can be saved is saved: `resume` goes on with it
 */
export async function finetune(
  dataset: string | undefined,
  options: FinetuneOptions = {},
): Promise<FinetunedRun> {
  const { signal, onNote, onProgress, exif = true, ...rest } = options;
  const work = workOf({ signal, onNote, onProgress });
  const prepared = await inOptionNames(() => prepareRun(dataset, { ...flagsOf(rest), exif }, work));
  const { folder, best, summary } = await executeRun(prepared, work);
  return { folder, best, summary };
}

/**
 * How well a network knows a labelled dataset: the object of `evaluate --format json`.
 * @param dataset as for `finetune`
 * @throws FinchError DATASET_INVALID where its classes are not the model's; INTERRUPTED …
 */
export async function evaluate(dataset: string, options: EvaluateOptions = {}): Promise<EvaluationRecord> {
  const { signal, onNote, onProgress, exif = true, model = DEFAULT_MODEL, ...rest } = options;
  const config = await inOptionNames(() =>
    evaluateConfig(dataset, { ...flagsOf(rest), exif, model, format: 'json' }),
  );
  const { report } = await evaluateDataset(config, workOf({ signal, onNote, onProgress }));
  return evaluationRecord(report);
}
