// index.ts: the library: what `import … from 'finch'` gives. Everything else may change without notice.

export { evaluate, finetune, type EvaluateOptions, type FinetunedRun } from './learning.ts';
export type { FinetuneOptions } from './finetune-options.ts';
export type { RunSummary } from './finetune/results.ts';
export type { PictureInput, PictureInputs } from './inputs.ts';
export {
  openModel,
  type ClassifyOptions,
  type FeatureOptions,
  type FeaturesRow,
  type MemberInfo,
  type Model,
  type ModelInfo,
  type OpenModelOptions,
} from './model.ts';
export type { PreprocessingOptions, RunOptions } from './options.ts';
export type { Progress, WorkOptions } from './work.ts';
export type { EvaluationRecord } from '../report/evaluation.ts';
export type { ClassifiedRow, ClassifyRow, Explanation, FailedRow, Prediction } from '../report/prediction.ts';
export { AppError as FinchError, type ErrorCode } from '../util/errors.ts';
export type { Preprocessing } from '../util/preprocessing.ts';
