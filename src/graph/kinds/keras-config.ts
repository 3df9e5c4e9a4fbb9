// keras-config.ts: the fields of a Keras layer's config that several kinds have, read and written.

import { AppError } from '../../util/errors.ts';
import type { Padding, Size2d } from './base.ts';
import type { Shape } from '../../util/shape.ts';
import { quoted, quotedValue } from '../../util/quoted.ts';

/** A config, read field by field; each throws AppError MODEL_INVALID for what is not as expected. */
export interface KerasConfig {
  /** What messages call it. */
  readonly where: string;
  has(key: string): boolean;
  raw(key: string): unknown;
  string(key: string, fallback?: string): string;
  number(key: string, fallback?: number): number;
  boolean(key: string, fallback?: boolean): boolean;
  numbers(key: string, length?: number): readonly number[];
  object(key: string): KerasConfig;
}

export const CHANNELS_LAST = { data_format: 'channels_last' } as const;

export function invalidConfig({ where }: KerasConfig, problem: string): AppError {
  return new AppError('MODEL_INVALID', `${where}: ${problem}`);
}

export function unsupportedConfig({ where }: KerasConfig, problem: string): AppError {
  return new AppError('MODEL_UNSUPPORTED', `${where}: ${problem}`);
}

/** The only input. */
export function oneInput(config: KerasConfig, inputs: readonly string[]): readonly [string] {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0)
    throw invalidConfig(config, `has ${inputs.length} inputs, expected one`);
  return [input];
}

/** `3` or `[3, 3]`. */
export function readSize2d(config: KerasConfig, key: string, fallback?: number): Size2d {
  const [height, width] = Array.isArray(config.raw(key))
    ? config.numbers(key, 2)
    : [config.number(key, fallback), config.number(key, fallback)];
  for (const size of [height, width]) {
    if (!Number.isSafeInteger(size) || size! < 1)
      throw invalidConfig(config, `${key} must be whole numbers from 1`);
  }
  return [height!, width!];
}

export function readPaddingRule(config: KerasConfig): Padding {
  const rule = config.string('padding', 'valid');
  if (rule === 'same' || rule === 'valid') return rule;
  throw unsupportedConfig(config, `padding '${quoted(rule)}'`);
}

/**
 * Checks that a layer works along the channels. 3 is the last axis of a picture; 1 is that of a vector, but the rows of a picture.
 * @param inputShape without the batch
 */
export function checkLastAxis(config: KerasConfig, inputShape: () => Shape): void {
  const axes: readonly unknown[] = [config.raw('axis') ?? -1].flat();
  const [axis] = axes;
  if (axes.length === 1 && (axis === -1 || axis === 3 || (axis === 1 && inputShape().length === 1))) return;
  throw unsupportedConfig(config, `axis must be the last one, received ${quotedValue(config.raw('axis'))}`);
}
