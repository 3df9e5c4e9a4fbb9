// registry.ts: every architecture and every set of weights by name.

import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/names.ts';
import { EFFICIENTNET_LITE_RECORDS, EFFICIENTNET_LITES } from './efficientnet-lite.ts';
import type { Architecture, WeightsRecord } from './record.ts';
import { RESNET_RECORDS, RESNETS } from './resnet.ts';

const ARCHITECTURES: Readonly<Record<string, Architecture>> = { ...EFFICIENTNET_LITES, ...RESNETS };

export const RECORDS: readonly WeightsRecord[] = [...EFFICIENTNET_LITE_RECORDS, ...RESNET_RECORDS];

export const ARCHITECTURE_NAMES: readonly string[] = Object.keys(ARCHITECTURES);

/** @throws AppError MODEL_NOT_FOUND, naming the nearest architecture */
export function findArchitecture(name: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (found) return found;
  throw new AppError(
    'MODEL_NOT_FOUND',
    `unknown architecture '${name}'${didYouMean(name, ARCHITECTURE_NAMES)}. Known: ${ARCHITECTURE_NAMES.join(', ')}.`,
  );
}

/** The record of `resnet50.v1`; `resnet50` alone is its newest version. */
export function findRecord(name: string): WeightsRecord | undefined {
  return (
    RECORDS.find((record) => record.name === name) ??
    RECORDS.findLast((record) => record.architecture === name)
  );
}

/**
 * The record of an architecture's first published weights. Later versions are trained and resized by recipes of their own, which a
 * checkpoint from elsewhere rarely follows.
 * @throws AppError MODEL_NOT_FOUND, naming the nearest architecture
 */
export function firstRecord(architecture: string): WeightsRecord {
  findArchitecture(architecture);
  return RECORDS.find((record) => record.architecture === architecture)!;
}

/** Everything that `--model` takes as a name. */
export function modelNames(): readonly string[] {
  return [...new Set(RECORDS.flatMap((record) => [record.architecture, record.name]))];
}
