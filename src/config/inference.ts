// inference.ts: what the user wrote -> the part of a configuration shared by all commands that run a network over pictures.

import { DEVICES, ENGINE_NAMES, type Device, type EngineName } from '../engine/engine.ts';
import type { DecodeOptions } from '../images/decode.ts';
import { MAX_BATCH, parseChoice, parseNumber, type NumberRule } from './parse.ts';
import {
  preprocessingOverrides,
  type PreprocessingFlags,
  type PreprocessingOverrides,
} from './preprocessing.ts';

const PRECISIONS = ['auto', 'float32', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

export const BATCH_SIZE_RULE: NumberRule = { flag: '--batch-size', min: 1, max: MAX_BATCH, whole: true };
export const THREADS_RULE: NumberRule = { flag: '--threads', min: 1, max: 1024, whole: true };

/** As commander hands flags over: text, or true for a flag without a value. */
export interface InferenceFlags extends PreprocessingFlags {
  readonly model: string;
  readonly device?: string;
  readonly engine?: string;
  readonly batchSize?: string;
  readonly threads?: string;
  readonly maxPixels?: string;
  /** False after `--no-exif`. */
  readonly exif: boolean;
  readonly offline?: boolean;
  readonly precision?: string;
}

/** What every command that runs a network over pictures needs to know. */
export interface InferenceConfig {
  readonly inputs: readonly string[];
  readonly model: string;
  readonly device: Device | 'auto';
  readonly engine: EngineName | 'auto';
  readonly batchSize?: number;
  readonly threads?: number;
  readonly preprocessing: PreprocessingOverrides;
  readonly decode: DecodeOptions;
  readonly offline: boolean;
  /** `auto`: with bytes where the model says how, and this machine can. */
  readonly precision: Precision;
}

/** The part of a configuration shared by all commands that run a network over pictures. */
export function inferenceConfig(inputs: readonly string[], flags: InferenceFlags): InferenceConfig {
  const { batchSize, threads, maxPixels } = flags;
  return {
    inputs,
    model: flags.model,
    device: parseChoice(flags.device ?? 'auto', '--device', ['auto', ...DEVICES] as const),
    engine: parseChoice(flags.engine ?? 'auto', '--engine', ['auto', ...ENGINE_NAMES] as const),
    ...(batchSize !== undefined && { batchSize: parseNumber(batchSize, BATCH_SIZE_RULE) }),
    ...(threads !== undefined && { threads: parseNumber(threads, THREADS_RULE) }),
    preprocessing: preprocessingOverrides(flags),
    decode: {
      ignoreExif: !flags.exif,
      ...(maxPixels !== undefined && {
        maxPixels: parseNumber(maxPixels, { flag: '--max-pixels', min: 1, whole: true }),
      }),
    },
    offline: flags.offline ?? false,
    precision: parseChoice(flags.precision ?? 'auto', '--precision', PRECISIONS),
  };
}
