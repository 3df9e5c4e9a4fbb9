// record.ts: index.json, the record in the folder of an index: which files belong to it, and how its rows were made. It is renamed into its
// place after the files that it names, so that an index is what its record says, whatever ends the process.

import path from 'node:path';
import * as z from 'zod';
import { checkedAs } from '../../util/checked.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { readJson } from '../../util/json.ts';
import { elementCount } from '../../util/shape.ts';
import { beginsWith } from '../own-files.ts';
import { featureSettingsOf, type FeatureSettings } from '../record.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 2;
/** Graphs, parts of rows and sources are some hundred bytes each. */
const MAX_RECORD_BYTES = 64 * 1024 ** 2;
const MAX_FILES = 100_000;
/** Rows beyond that are in another index; the limit keeps sums exact. */
const MAX_ROWS = 2 ** 40;
/** A vector of more numbers is no feature: it is in memory as a whole. */
export const MAX_NUMBERS = 2 ** 20;

/** Of all axes together: four times what is learnt for the longest rows that have some. */
const MAX_AXES_NUMBERS = 2 ** 24;

export const MIN_CONNECTIVITY = 2;
export const MAX_CONNECTIVITY = 256;
export const MAX_EXPANSION = 10_000;

const RECORD_NAME = 'index.json';
/** What is in it, and chance: a file is never changed once the record names it. */
export const FILE_NAME = /^(?:axes|graph|names|starts|vectors)-[0-9a-f]{16}\.(?:usearch|csv|bin)$/;

const fileName = z.string().regex(FILE_NAME);
const count = z.int().nonnegative().max(MAX_ROWS);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const RECORD = z.object({
  finchIndex: z.literal(VERSION),
  settings: z.record(z.string(), z.json()),
  layer: z.string(),
  rowShape: z.array(z.int().min(1).max(MAX_NUMBERS)).max(8),
  connectivity: z.int().min(MIN_CONNECTIVITY).max(MAX_CONNECTIVITY),
  expansion: z.int().min(1).max(MAX_EXPANSION),
  /** Along which the rows are looked at in the graphs; absent: as they are. */
  axes: z.object({ file: fileName, count: z.int().min(1).max(MAX_NUMBERS), sha256 }).optional(),
  rows: count,
  /** In the order of their rows; `vectors` are fewer where rows are not numbers (NaN). */
  graphs: z.array(z.object({ file: fileName, rows: count, vectors: count, bytes: count, sha256 })).max(MAX_FILES),
  /** Which picture a row is of: a csv of so many bytes, and where each of its lines begins. Where there are axes, its whole vector, as float16 numbers. */
  parts: z.array(z.object({ names: fileName, starts: fileName, vectors: fileName.optional(), rows: count, bytes: count })).max(MAX_FILES),
  /** What the rows were taken from, by the hash that tells one from another. */
  sources: z.array(z.object({ id: sha256, name: z.string(), taken: count, rows: count })).max(MAX_FILES * 10),
}); // prettier-ignore

type Stored = Readonly<z.output<typeof RECORD>>;
export type GraphFile = Readonly<Stored['graphs'][number]>;
export type RowPart = Readonly<Stored['parts'][number]>;
export type AxesFile = Readonly<NonNullable<Stored['axes']>>;
export type IndexSource = Readonly<Stored['sources'][number]>;

export interface IndexRecord extends Omit<Stored, 'finchIndex' | 'settings'> {
  readonly settings: FeatureSettings;
}

export async function writeIndexRecord(folder: string, record: IndexRecord): Promise<void> {
  await writeFileAtomic(path.join(folder, RECORD_NAME), `${JSON.stringify({ finchIndex: VERSION, ...record }, undefined, 1)}\n`); // prettier-ignore
}

/** Whether index.json begins as finch writes it, of any version and damaged or not: it may be replaced then. */
export async function isIndexRecord(folder: string): Promise<boolean> {
  return beginsWith(path.join(folder, RECORD_NAME), '{"finchIndex":');
}

/** Undefined where there is none. @throws AppError FILE_INVALID when it is something else, or its counts do not agree */
export async function readIndexRecord(folder: string): Promise<IndexRecord | undefined> {
  const file = path.join(folder, RECORD_NAME);
  const parsed = await readJson(file, { what: file, limit: MAX_RECORD_BYTES }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (parsed === undefined) return undefined;
  const { finchIndex: _, settings, ...rest } = checkedAs(RECORD, parsed, { file, writer: `this finch (index version ${VERSION})`, advice: 'build the index again' }); // prettier-ignore
  const record = { ...rest, settings: featureSettingsOf(settings, file) };
  const sum = (parts: readonly { readonly rows: number }[]) => parts.reduce((all, { rows }) => all + rows, 0);
  const isWhole =
    sum(rest.graphs) === rest.rows &&
    sum(rest.parts) === rest.rows &&
    rest.graphs.every(({ vectors, rows }) => vectors <= rows) &&
    elementCount(rest.rowShape) <= MAX_NUMBERS;
  if (!isWhole) throw new AppError('FILE_INVALID', `${file} has parts that are not of ${rest.rows} rows together; build the index again`); // prettier-ignore
  const axes = (rest.axes?.count ?? 0) * elementCount(rest.rowShape);
  const isAlike = rest.parts.every(({ vectors }) => (vectors === undefined) === (rest.axes === undefined));
  if (axes > MAX_AXES_NUMBERS || !isAlike) throw new AppError('FILE_INVALID', `${file} has axes that do not belong to its rows; build the index again`); // prettier-ignore
  return record;
}
