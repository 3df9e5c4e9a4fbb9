// byte-input.ts: networks that take pixels as bytes and normalise them themselves: how finch writes their preparation, and that no flag
// changes what they would ignore.

import { AppError } from '../util/errors.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { sameShape } from '../util/shape.ts';
import type { Graph } from './layers.ts';

/** This mean and deviation turn pixels of 0…1 back into bytes. */
export const AS_BYTES = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;

export const takesBytes = ({ layers }: Graph): boolean =>
  layers.some((layer) => layer.kind === 'onnx' && layer.from.type === 'uint8');

/** @param what the file or the model, for messages. @throws AppError USAGE where flags normalise pixels for a network that takes bytes */
export function refuseStatistics(preprocessing: Preprocessing | undefined, what: string): void {
  const { mean, std } = AS_BYTES;
  if (!preprocessing || (sameShape(preprocessing.mean, mean) && sameShape(preprocessing.std, std))) return;
  throw new AppError(
    'USAGE',
    `${what} takes pixels as bytes and normalises them itself; leave out --mean and --std`,
  );
}
