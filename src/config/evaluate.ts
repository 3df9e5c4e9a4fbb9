// evaluate.ts: what the user wrote -> the configuration of evaluate.

import { classesConfig, type ClassesConfig, type ClassesFlag } from './classes.ts';
import { inferenceConfig, type InferenceConfig, type InferenceFlags } from './inference.ts';
import { csvFile, csvSafe, htmlFile, parseChoice } from './parse.ts';

export interface EvaluateFlags extends InferenceFlags, ClassesFlag {
  readonly format: string;
  readonly manifest?: string;
  readonly root?: string;
  readonly split?: string;
  readonly report?: string;
  readonly predictions?: string;
  readonly csvSafe?: boolean;
  readonly unknown?: string;
}

const SPLITS = ['train', 'val', 'test', 'all'] as const;
const EVALUATE_FORMATS = ['table', 'json', 'csv'] as const;

export interface EvaluateConfig extends InferenceConfig, ClassesConfig {
  /** A folder or a csv. */
  readonly dataset: string;
  readonly manifest?: string;
  readonly root?: string;
  /** Absent: test, else val, else all there is. */
  readonly split?: (typeof SPLITS)[number];
  readonly format: (typeof EVALUATE_FORMATS)[number];
  /** An html file. */
  readonly report?: string;
  /** A csv file. */
  readonly predictions?: string;
  /** Cells that a spreadsheet would compute get an apostrophe. */
  readonly csvSafe: boolean;
  /** A folder of pictures of no class. */
  readonly unknown?: string;
}

export function evaluateConfig(dataset: string, flags: EvaluateFlags): EvaluateConfig {
  const { manifest, root, split, report, predictions, unknown } = flags;
  return {
    ...inferenceConfig([], flags),
    ...classesConfig(flags),
    dataset,
    format: parseChoice(flags.format, '--format', EVALUATE_FORMATS),
    csvSafe: csvSafe(flags, {
      '--format csv': flags.format === 'csv',
      '--predictions': predictions !== undefined,
    }),
    ...(manifest !== undefined && { manifest }),
    ...(root !== undefined && { root }),
    ...(split !== undefined && { split: parseChoice(split, '--split', SPLITS) }),
    ...(unknown !== undefined && { unknown }),
    ...(report !== undefined && { report: htmlFile(report, '--report') }),
    ...(predictions !== undefined && { predictions: csvFile(predictions, '--predictions') }),
  };
}
