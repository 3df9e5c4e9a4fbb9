// registry.ts: every architecture and every set of weights by name, and the nearest name to a mistyped one.

import { closest, distance } from 'fastest-levenshtein';
import { AppError } from '../util/errors.ts';
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

/** Everything that `--model` takes as a name. */
export function modelNames(): readonly string[] {
  return [...new Set(RECORDS.flatMap((record) => [record.architecture, record.name]))];
}

/** ` (did you mean resnet18?)`, or nothing when no name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const near = closest(name.toLowerCase(), known);
  return distance(name.toLowerCase(), near) <= Math.max(2, name.length / 3) ? ` (did you mean ${near}?)` : '';
}

/** The `count` names nearest to a mistyped one, nearest first; those that contain it, or are contained, before others. */
export function nearestNames(name: string, known: readonly string[], count = 3): readonly string[] {
  const wanted = name.toLowerCase();
  return known
    .map((other) => {
      const text = other.toLowerCase();
      const contains = wanted.length > 2 && (text.includes(wanted) || wanted.includes(text));
      return { other, far: distance(wanted, text) / (contains ? 2 : 1) };
    })
    .toSorted((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ other }) => other);
}
