// published.ts: every set of published weights, from the table models/published.json. It is read when the first name is looked up.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../util/package.ts';
import type { Interpolation, ResizeMode } from '../util/preprocessing.ts';
import { PIXELS, type WeightsRecord } from './record.ts';

/** A row of the table; what is absent is the usual. test/zoo/published.test.ts holds the whole table to this. */
interface PublishedRow {
  readonly name: string;
  readonly architecture: string;
  /** An address to download from, with the leading hexadecimal digits of the file's sha256. */
  readonly url?: string;
  readonly sha256?: string;
  /** Where the weights come from when there is no address: shipped with finch, or a file that the user has. */
  readonly shipped?: string;
  readonly file?: string;
  readonly size: number;
  readonly resize: number;
  readonly mode?: ResizeMode;
  readonly interpolation: Interpolation;
  readonly pixels: keyof typeof PIXELS;
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly top1: number | null;
  readonly top5: number | null;
  /** Short: `Apache-2.0`. */
  readonly licence: string;
  /** Whose it is, where the licence that finch writes down should say so. */
  readonly publisher?: string;
  /** The pictures that the weights were trained on, where that is not ImageNet alone. */
  readonly trainedOn?: string;
}

interface PublishedFamily {
  readonly family: string;
  readonly weights: readonly PublishedRow[];
}

const TABLE = path.join(PACKAGE_ROOT, 'models', 'published.json');

let table: readonly WeightsRecord[] | undefined;

/** All of them, by family; within an architecture the newest weights are the last. */
export function publishedRecords(): readonly WeightsRecord[] {
  table ??= (JSON.parse(readFileSync(TABLE, 'utf8')) as readonly PublishedFamily[]).flatMap(
    ({ family, weights }) => weights.map((row) => recordOf(family, row)),
  );
  return table;
}

function recordOf(family: string, row: PublishedRow): WeightsRecord {
  const { name, architecture, size, resize, mode = 'crop', interpolation, trainedOn = 'ImageNet' } = row;
  const { parameters, multiplyAdds, top1, top5, licence, publisher } = row;
  return {
    name,
    architecture,
    family,
    origin: originOf(row),
    preprocessing: { size, resize, mode, interpolation, ...PIXELS[row.pixels] },
    parameters,
    multiplyAdds,
    top1,
    top5,
    licence: publisher === undefined ? licence : `${licence} (${publisher}); trained on ${trainedOn}, whose terms may bind the use`, // prettier-ignore
  };
}

function originOf({ url, sha256, shipped, file }: PublishedRow): WeightsRecord['origin'] {
  if (url !== undefined && sha256 !== undefined) return { kind: 'download', url, sha256Prefix: sha256 };
  if (shipped !== undefined) return { kind: 'shipped', source: shipped };
  return { kind: 'file', source: file ?? '' };
}

/** The record of `resnet50.v1`; `resnet50` alone is its newest version. */
export function findRecord(name: string): WeightsRecord | undefined {
  const records = publishedRecords();
  return (
    records.find((record) => record.name === name) ??
    records.findLast((record) => record.architecture === name)
  );
}

/**
 * The record of an architecture's first published weights. Later versions are trained and resized by recipes of their own, which a
 * checkpoint from elsewhere rarely follows.
 */
export function firstRecord(architecture: string): WeightsRecord | undefined {
  return publishedRecords().find((record) => record.architecture === architecture);
}

/** The record of a published file: by its content, else by its name. */
export function publishedFile(
  fileName: string,
  sha256: string,
): { readonly record: WeightsRecord; readonly by: 'sha256' | 'name' } | undefined {
  let named: WeightsRecord | undefined;
  for (const record of publishedRecords()) {
    if (record.origin.kind !== 'download') continue;
    if (sha256.startsWith(record.origin.sha256Prefix)) return { record, by: 'sha256' };
    if (path.posix.basename(record.origin.url) === fileName) named ??= record;
  }
  return named && { record: named, by: 'name' };
}

/** Everything that `--model` takes as a name. */
export function modelNames(): readonly string[] {
  return [...new Set(publishedRecords().flatMap((record) => [record.architecture, record.name]))];
}
