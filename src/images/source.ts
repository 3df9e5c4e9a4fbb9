// source.ts: inputs from the command line -> references to pictures, one at a time and in order. It opens no picture.

import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { isBucketAddress } from '../objects/address.ts';
import { isBinary, listedPaths } from '../text/path-list.ts';
import { AppError, messageOf, openingProblem, systemCode } from '../util/errors.ts';
import { openRegularFile, isThere } from '../util/files.ts';
import { isFetchable, isUrl, shownAddress } from './address.ts';
import { folderEntries, type FolderEntry } from './folder.ts';
import { globPictures, isPattern } from './glob.ts';
import { IMAGE_EXTENSIONS, type PassedOver } from './passed-over.ts';
import { collect, looksLikeImage } from './stdin-image.ts';

/**
 * One picture to come: a path, an address to fetch it from, an object of a bucket, bytes that are already in memory, or the problem with
 * the input that should have led to one.
 */
export interface ImageReference {
  /** The name that the user knows; an address without its user and password. */
  readonly file: string;
  readonly content:
    | {
        readonly path: string | Uint8Array;
        /** The picture is this part of the file, which is an archive. */
        readonly part?: FilePart;
      }
    | { readonly address: string }
    | { readonly object: StoredObject }
    | { readonly bytes: Buffer }
    | { readonly error: AppError };
  /** The input that it was found in: a folder, or the part of a glob without wildcards. Absent for files named one by one. */
  readonly root?: string;
  /** The class that an archive or a table says it has. */
  readonly className?: string;
  /** Where its bytes came from. */
  readonly row?: TableRow;
}

/** A row of a table. */
export interface TableRow {
  /** A path, or the address of an object. */
  readonly table: string;
  /** Counted from 0. */
  readonly index: number;
  readonly etag: string;
}

/** An object of a bucket as it was listed: one that was changed since is not read. */
export interface StoredObject {
  /** `s3://bucket/key` */
  readonly where: string;
  readonly etag: string;
  /** Of the picture, in bytes. */
  readonly size: number;
  /** The picture is this part of the object, which is an archive. */
  readonly part?: FilePart;
}

/** A part of a file, in bytes. */
export interface FilePart {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * @param inputs files, folders, globs, `s3://…`, `@list.txt`, or `-` for stdin (paths, or an image's bytes). A file or folder with exactly
 *   the name of the input is used first.
 * @param stdin read only for `-`
 * @param signal stops the search for pictures, without an error
 * @param passed counts the files in folders that are not taken
 */
export async function* imageReferences(
  inputs: Iterable<string>,
  stdin: Readable,
  signal?: AbortSignal,
  passed?: PassedOver,
): AsyncGenerator<ImageReference, void, undefined> {
  for (const input of inputs) {
    if (signal?.aborted) return;
    const isSpecial = input === '-' || (input.startsWith('@') && input.length > 1);
    if (!isSpecial || (await isThere(input))) yield* pathReferences(input, signal, passed);
    else if (input === '-') yield* fromStdin(stdin, signal, passed);
    else yield* fromList(input.slice(1), signal, passed);
  }
}

function failed(file: string, code: AppError['code'], message: string): ImageReference {
  return { file, content: { error: new AppError(code, message) } };
}

/**
 * The pictures of one path: a file, a folder and the folders in it, a glob, or what a bucket has under a prefix. An input without
 * result gives a reference with the error; a bucket that cannot be listed ends all.
 * @param signal stops the search, without an error
 * @param passed counts the files in folders that are not taken
 */
export async function* pathReferences(
  input: string,
  signal?: AbortSignal,
  passed?: PassedOver,
): AsyncGenerator<ImageReference, void, undefined> {
  if (isBucketAddress(input)) {
    const { bucketPictures } = await import('./bucket-pictures.ts');
    yield* orEmpty(input, 'no pictures under this prefix', bucketPictures(input, signal, passed), signal);
    return;
  }
  let found;
  try {
    found = await stat(input);
  } catch (error) {
    if (isUrl(input)) {
      yield addressReference(input);
      return;
    }
    if (systemCode(error) === 'ENOENT' && isPattern(input)) {
      yield* fromGlob(input, signal, passed);
      return;
    }
    yield missing(input, openingProblem(error, 'no such file or folder'));
    return;
  }
  if (!found.isDirectory()) {
    yield* fileReferences({ file: input, content: { path: input } }, signal, passed);
    return;
  }
  yield* orEmpty(input, 'no pictures in this folder', walk(input, signal, passed), signal);
}

/** The pictures of a file or an object that was named: those in it, where it is an archive or a table. */
export async function* fileReferences(
  named: ImageReference,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  const { file } = named;
  const { inside, problem } = packed(file);
  if (inside) yield* orEmpty(file, 'no pictures inside', (await inside())(file, signal, passed), signal);
  else if (problem !== undefined) yield failed(file, 'IMAGE_UNREADABLE', problem);
  else yield named;
}

function addressReference(input: string): ImageReference {
  const file = shownAddress(input);
  if (isFetchable(input)) return { file, content: { address: input } };
  if (/^file:/i.test(input)) {
    return failed(
      file,
      'INPUT_NOT_FOUND',
      'files are named by their paths, without file:// and with spaces as they are',
    );
  }
  return failed(
    file,
    'INPUT_NOT_FOUND',
    'no address that is fetched, which is one of http or https, well-formed; download the picture and give its file',
  );
}

/** How the pictures in one file are found: loaded by who has such a file, so that nobody else waits for it. */
function packed(file: string) {
  if (/\.tar$/i.test(file)) return { inside: async () => (await import('./tar-pictures.ts')).tarPictures };
  if (/\.parquet$/i.test(file)) {
    return { inside: async () => (await import('./table-pictures.ts')).tablePictures };
  }
  const isCompressed = /\.(tgz|tar\.(gz|bz2|xz|zst))$/i.test(file);
  return isCompressed ? { problem: 'this archive is compressed; unpack it to a .tar first, such as with gunzip' } : {}; // prettier-ignore
}

const missing = (input: string, problem: string) =>
  failed(input, 'INPUT_NOT_FOUND', `${problem}; check the path (from ${process.cwd()})`);

async function* fromGlob(
  pattern: string,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  const { root, files } = await globPictures(pattern, signal, passed);
  const pictures = files.map((file) => ({ file, content: { path: file }, root }));
  // Many file names contain brackets and question marks.
  if (pictures.length === 0 && !pattern.includes('*') && !signal?.aborted) {
    yield missing(pattern, 'no such file or folder, and as a pattern it matches nothing');
  } else yield* orEmpty(pattern, 'no picture matches', pictures, signal);
}

async function* fromList(
  list: string,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  try {
    const { handle } = await openRegularFile(list, { what: 'the list', code: 'INPUT_NOT_FOUND' });
    yield* fromPaths(handle.createReadStream(), signal, passed);
  } catch (error) {
    refuseToGoOn(error);
    const problem = openingProblem(error, 'no such list of paths');
    yield failed(`@${list}`, 'INPUT_NOT_FOUND', problem);
  }
}

/** What is wrong with a bucket is not about the list that names it. @throws AppError DOWNLOAD_FAILED */
function refuseToGoOn(error: unknown): void {
  if (error instanceof AppError && error.code === 'DOWNLOAD_FAILED') throw error;
}

async function* fromStdin(
  stdin: Readable,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  if (signal) addAbortSignal(signal, stdin);
  const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    const first = await chunks.next();
    if (first.done) {
      yield failed('-', 'INPUT_EMPTY', 'nothing came on stdin; expected paths, one a line, or an image');
      return;
    }
    const rest = { [Symbol.asyncIterator]: () => chunks };
    // Anything that is not text goes to the decoder, which reports problems with pictures.
    if (looksLikeImage(first.value) || isBinary(first.value)) {
      yield { file: '-', content: await collect(first.value, rest) };
      return;
    }
    async function* all() {
      yield first.value as Buffer;
      yield* rest;
    }
    yield* fromPaths(all(), signal, passed);
  } catch (error) {
    if (signal?.aborted) return;
    refuseToGoOn(error);
    yield failed('-', 'INPUT_NOT_FOUND', messageOf(error));
  }
}

/** Paths, one on each line or each ended by a NUL; folders and globs are expanded. @throws AppError if it is no list of paths */
async function* fromPaths(
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  for await (const { text, bytes } of listedPaths(chunks)) {
    if (signal?.aborted) return;
    // A file whose name is not UTF-8 is opened by the bytes of its name.
    if (bytes && !(await isThere(text)) && (await isThere(bytes)))
      yield { file: text, content: { path: bytes } };
    else yield* pathReferences(text, signal, passed);
  }
}

/** A folder's pictures in the order of names, with subfolders in the same order; hidden files are skipped. */
async function* walk(
  root: string,
  signal: AbortSignal | undefined,
  passed: PassedOver | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  /** Folders reached by links. Each is entered once, because many links to one place would multiply the work. */
  const linked = new Set<string>();
  async function* inside(folder: string, above: ReadonlySet<string>): AsyncGenerator<ImageReference> {
    if (signal?.aborted) return;
    let real: string;
    let entries: readonly FolderEntry[];
    try {
      real = await realpath(folder);
      if (above.has(real)) return; // a link back to a folder that contains it
      entries = await folderEntries(folder);
    } catch (error) {
      yield failed(folder, 'INPUT_NOT_FOUND', `the folder cannot be read: ${messageOf(error)}`);
      return;
    }
    const here = new Set([...above, real]);
    for (const { name, kind, isLink, bytes } of entries) {
      const file = path.join(folder, name);
      if (kind === 'folder') {
        if (isLink && !isNew(linked, await realpath(file))) continue;
        yield* inside(file, here);
      } else if (kind === 'picture') {
        const whole = bytes && Buffer.concat([Buffer.from(folder + path.sep), bytes]);
        yield { file, content: { path: whole ?? file }, root };
      } else if (kind !== 'system') passed?.add(name, kind);
    }
  }
  yield* inside(root, new Set());
}

/** Adds the value, and returns whether it was new. */
function isNew(known: Set<string>, value: string): boolean {
  const { size } = known;
  return known.add(value).size > size;
}

async function* orEmpty(
  input: string,
  problem: string,
  references: AsyncIterable<ImageReference> | Iterable<ImageReference>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageReference, void, undefined> {
  let any = false;
  for await (const reference of references) {
    any = true;
    yield reference;
  }
  if (!any && !signal?.aborted)
    yield failed(input, 'INPUT_EMPTY', `${problem} (looked for ${IMAGE_EXTENSIONS.join(' ')})`);
}
