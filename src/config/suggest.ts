// suggest.ts: what the user wrote -> the configuration of suggest.

import { inferenceConfig, type InferenceConfig, type InferenceFlags } from './inference.ts';
import { csvSafe, parseChoice, parseNumber } from './parse.ts';

export interface SuggestFlags extends InferenceFlags {
  readonly count: string;
  readonly labelled?: string;
  readonly format: string;
  readonly csvSafe?: boolean;
  /** False after `--no-cache`. */
  readonly cache: boolean;
}

const FORMATS = ['table', 'json', 'csv'] as const;
/** More than anybody labels in a sitting. */
const MAX_COUNT = 100_000;

export interface SuggestConfig extends InferenceConfig {
  /** How many pictures. */
  readonly count: number;
  /** A dataset or a folder: pictures that are labelled already. */
  readonly labelled?: string;
  readonly format: (typeof FORMATS)[number];
  readonly csvSafe: boolean;
  readonly useCache: boolean;
}

export function suggestConfig(inputs: readonly string[], flags: SuggestFlags): SuggestConfig {
  const { labelled } = flags;
  return {
    ...inferenceConfig(inputs, flags),
    count: parseNumber(flags.count, { flag: '--count', min: 1, max: MAX_COUNT, whole: true }),
    ...(labelled !== undefined && { labelled }),
    format: parseChoice(flags.format, '--format', FORMATS),
    csvSafe: csvSafe(flags, { '--format csv': flags.format === 'csv' }),
    useCache: flags.cache,
  };
}
