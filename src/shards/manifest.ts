// manifest.ts: the list of pictures that shards are made of, as parquet: which picture, how large, and by what it is told that it changed.

import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { openParquet, type ParquetFile } from '../formats/parquet-file.ts';
import { SEAL_KEY, textColumn, wholeColumn, writeSealedParquet } from '../formats/sealed-parquet.ts';
import { openPictureTable, type PictureTable } from '../images/table-pictures.ts';
import type { ImageReference } from '../images/source.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { grouped, mapOrdered } from '../util/streams.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;
const FACTS_KEY = 'finch.manifest';

/** Rows of a row group: what is read to find the rows of one shard. */
const GROUP_ROWS = 2 ** 14;
/** Files that are looked at together. */
const AHEAD = 32;

/** A picture of the manifest. */
interface ManifestRow {
  /** The name that the user knows: a path, `archive.tar/000123.jpg`, or `table.parquet/7`. */
  readonly key: string;
  /** Of the picture, in bytes. */
  readonly size: number;
  /** Of its file: length in bytes and time of the last change. Another one means that the file was changed. */
  readonly etag: string;
  /** Its class; empty where it came from no class folder, and where nothing says it. */
  readonly className: string;
  /** The archive or table that it lies in; empty for a file of its own. */
  readonly container: string;
  /** Where it lies there: the first byte in an archive, the row in a table. */
  readonly place: number;
}

const SCHEMA = [
  { name: 'root', num_children: 6 },
  textColumn('key'),
  wholeColumn('size', 'INT64'),
  textColumn('etag'),
  textColumn('class'),
  textColumn('container'),
  wholeColumn('place', 'INT64'),
];
const COLUMNS = SCHEMA.slice(1).map(({ name }) => name);

/** How many shards so many pictures make. */
export const shardCount = (pictures: number, size: number) => Math.ceil(pictures / size);

/** Length and time of the last change. @throws the system's errors */
async function etagOf(file: string): Promise<{ readonly etag: string; readonly size: number }> {
  const { size, mtimeMs } = await stat(file);
  return { etag: `${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}`, size };
}

/**
 * Lists pictures. All of them have to be there: a manifest that lacks some would lack them for good.
 * @param classOf the class of a picture. @returns how many pictures. @throws AppError of the first that is missing; WRITE_FAILED
 */
export async function writeManifest(
  file: string,
  references: AsyncIterable<ImageReference>,
  {
    size,
    classOf,
    onRow,
  }: {
    readonly size: number;
    readonly classOf: (reference: ImageReference) => string;
    readonly onRow: (done: number) => void;
  },
): Promise<number> {
  let done = 0;
  await writeSealedParquet(file, SCHEMA, async (writeGroup) => {
    const rows = mapOrdered(references, AHEAD, (reference) => rowOf(reference, classOf(reference)));
    for await (const group of grouped(rows, GROUP_ROWS)) {
      await writeGroup([
        { name: 'key', data: group.map(({ key }) => key) },
        { name: 'size', data: group.map(({ size }) => BigInt(size)) },
        { name: 'etag', data: group.map(({ etag }) => etag) },
        { name: 'class', data: group.map(({ className }) => className) },
        { name: 'container', data: group.map(({ container }) => container) },
        { name: 'place', data: group.map(({ place }) => BigInt(place)) },
      ]);
      done += group.length;
      onRow(done);
    }
    if (done === 0) throw new AppError('INPUT_EMPTY', 'no pictures: there is nothing to divide');
    return { [FACTS_KEY]: JSON.stringify({ version: VERSION, size }) };
  });
  return done;
}

async function rowOf(reference: ImageReference, className: string): Promise<ManifestRow> {
  const { file: key, content, row } = reference;
  if ('error' in content) throw new AppError(content.error.code, `${key}: ${content.error.message}`);
  if (row) {
    const { etag } = await stated(row.table);
    const size = 'bytes' in content ? content.bytes.length : 0;
    return { key, size, etag, className, container: row.table, place: row.index };
  }
  if (!('path' in content) || typeof content.path !== 'string') {
    const problem = 'path' in content ? 'its name is not UTF-8; rename it' : 'a picture on stdin cannot be read again; give files'; // prettier-ignore
    throw new AppError('USAGE', `${key}: ${problem}`);
  }
  const { etag, size } = await stated(content.path);
  if (!content.part) return { key, size, etag, className, container: '', place: 0 };
  const { offset, bytes } = content.part;
  return { key, size: bytes, etag, className, container: content.path, place: offset };
}

function stated(file: string) {
  return etagOf(file).catch((error: unknown) => {
    throw new AppError('INPUT_NOT_FOUND', `${file}: ${openingProblem(error, 'no such file')}`, { cause: error }); // prettier-ignore
  });
}

const FACTS = z.object({ version: z.literal(VERSION), size: z.int().positive() });

export interface Manifest {
  readonly file: string;
  readonly pictures: number;
  /** Pictures in a shard; the last one may have fewer. */
  readonly size: number;
  readonly shards: number;
  /** The hash that tells this manifest from any other. */
  readonly seal: string;
  /** Whether all bytes are as they were written. */
  isWhole(): Promise<boolean>;
  /** The pictures of a shard, in order; one that changed since it was listed is an error. @throws AppError FILE_INVALID */
  references(index: number): AsyncGenerator<ImageReference, void, undefined>;
  close(): Promise<void>;
}

/** How many pictures a shard has. */
export function picturesIn({ pictures, size }: Pick<Manifest, 'pictures' | 'size'>, index: number): number {
  return Math.max(0, Math.min(size, pictures - index * size));
}

/** @throws AppError FILE_INVALID when it is missing, or something else */
export async function openManifest(file: string): Promise<Manifest> {
  const parquet = await openParquet(file);
  try {
    const described = parquet.facts.get(FACTS_KEY);
    const seal = parquet.facts.get(SEAL_KEY);
    if (described === undefined || seal === undefined) {
      throw new AppError('FILE_INVALID', `${file} is no manifest; make one with: finch shards INPUT --out ${file}`); // prettier-ignore
    }
    const { size } = checkedAs(FACTS, parseJson(described, { what: file }), { file, writer: 'finch shards' });
    const pictures = parquet.rows;
    return {
      file,
      pictures,
      size,
      shards: shardCount(pictures, size),
      seal,
      isWhole: () => parquet.isWhole(),
      references: (index) => referencesOf(parquet, index * size, picturesIn({ pictures, size }, index)),
      close: () => parquet.close(),
    };
  } catch (error) {
    await parquet.close();
    throw error;
  }
}

const ROW = z.object({
  key: z.string(),
  size: z.bigint(),
  etag: z.string(),
  class: z.string(),
  container: z.string(),
  place: z.bigint(),
});

async function* rowsOf(
  parquet: ParquetFile,
  from: number,
  count: number,
): AsyncGenerator<ManifestRow, void, undefined> {
  for (let at = from; at < from + count; at += GROUP_ROWS) {
    const to = Math.min(from + count, at + GROUP_ROWS);
    for (const stored of await parquet.read({ from: at, to }, COLUMNS)) {
      const { class: className, size, place, ...row } = checkedAs(ROW, stored, { file: parquet.file, writer: 'finch shards' }); // prettier-ignore
      yield { ...row, className, size: Number(size), place: Number(place) };
    }
  }
}

async function* referencesOf(
  parquet: ParquetFile,
  from: number,
  count: number,
): AsyncGenerator<ImageReference, void, undefined> {
  /** What is known of the archive or table of the last picture: the next one most often lies in the same. */
  let container = '';
  let found: Promise<string | AppError> | undefined;
  let table: PictureTable | undefined;
  try {
    for await (const row of rowsOf(parquet, from, count)) {
      const isTable = row.container.toLowerCase().endsWith('.parquet');
      if (row.container === '' || row.container !== container) {
        container = row.container;
        found = etagOr(container || row.key);
        await table?.close();
        table = undefined;
      }
      const etag = await found!;
      const problem = etag instanceof AppError ? etag : etag === row.etag ? undefined : changed();
      const common = { file: row.key, className: row.className };
      if (problem) yield { ...common, content: { error: problem } };
      else if (container === '') yield { ...common, content: { path: row.key } };
      else if (isTable) {
        table ??= await openPictureTable(container);
        yield { ...common, content: (await table.picture(row.place)).content };
      } else {
        yield { ...common, content: { path: container, part: { offset: row.place, bytes: row.size } } };
      }
    }
  } finally {
    await table?.close();
  }
}

const changed = () => new AppError('INPUT_CHANGED', 'the file was changed since the manifest was made; list the pictures again'); // prettier-ignore

/** The etag of a file as it is now, or why there is none. */
function etagOr(file: string): Promise<string | AppError> {
  return etagOf(file).then(
    ({ etag }) => etag,
    (error: unknown) => new AppError('INPUT_NOT_FOUND', openingProblem(error, 'no such file'), { cause: error }), // prettier-ignore
  );
}
