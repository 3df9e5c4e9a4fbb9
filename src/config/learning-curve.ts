// learning-curve.ts: what the user wrote -> the configuration of learning-curve.

import type { GivenFinetuneFlags } from './finetune-settings.ts';
import { reportFormat } from './parse.ts';

export type LearningCurveFlags = Omit<GivenFinetuneFlags, 'out'> & {
  readonly format?: string;
  readonly out?: string;
};

const FORMATS = ['table', 'json', 'html'] as const;

export interface LearningCurveConfig {
  readonly dataset: string;
  /** Of a run of finetune. */
  readonly flags: GivenFinetuneFlags;
  readonly format: (typeof FORMATS)[number];
  readonly out?: string;
}

export function learningCurveConfig(
  dataset: string,
  { format, out, ...flags }: LearningCurveFlags,
): LearningCurveConfig {
  return {
    dataset,
    flags,
    format: reportFormat({ format, out }, FORMATS),
    ...(out !== undefined && { out }),
  };
}
