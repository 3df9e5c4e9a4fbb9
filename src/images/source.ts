// source.ts: what stands on the command line -> references to pictures, one at a time and in order. Opens no picture.

import { createReadStream } from 'node:fs';
import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { glob, isDynamicPattern } from 'tinyglobby';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { isSystemFolder } from './system-folders.ts';

/** One picture to come: a path, bytes that are here already, or what is wrong with the input that should have led to one. */
export interface ImageReference {
  /** As the user knows it. */
  readonly file: string;
  readonly content: { readonly path: string } | { readonly bytes: Buffer } | { readonly error: AppError };
  /** The input that it was found in: a folder, or the part of a glob without wildcards. Absent for files named one by one. */
  readonly root?: string;
}

/** Endings that sharp reads; in folders, other files are passed over. A file named by the user is always tried. */
const IMAGE_EXTENSIONS = [
  '.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.avif', '.tif', '.tiff', '.gif', '.svg',
] as const; // prettier-ignore

/** An image on stdin is held whole; more than this is no picture. */
const MAX_STDIN_IMAGE_BYTES = 1024 ** 3;

/**
 * @param inputs files, folders, globs, `@list.txt`, or `-` for stdin: paths, one a line, or an image's bytes
 * @param stdin read only for `-`
 */
export async function* imageReferences(
  inputs: Iterable<string>,
  stdin: Readable,
): AsyncGenerator<ImageReference, void, undefined> {
  for (const input of inputs) {
    if (input === '-') yield* fromStdin(stdin);
    else if (input.startsWith('@') && input.length > 1) yield* fromList(input.slice(1));
    else yield* fromPath(input);
  }
}

function failed(file: string, code: 'INPUT_NOT_FOUND' | 'INPUT_EMPTY', message: string): ImageReference {
  return { file, content: { error: new AppError(code, message) } };
}

async function* fromPath(input: string): AsyncGenerator<ImageReference, void, undefined> {
  let found;
  try {
    found = await stat(input);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && isDynamicPattern(input)) {
      yield* fromGlob(input);
      return;
    }
    const problem = systemCode(error) === 'ENOENT' ? 'no such file or folder' : messageOf(error);
    yield failed(input, 'INPUT_NOT_FOUND', `${problem}; check the path (from ${process.cwd()})`);
    return;
  }
  if (!found.isDirectory()) {
    yield { file: input, content: { path: input } };
    return;
  }
  yield* orEmpty(input, 'no pictures in this folder', walk(input));
}

async function* fromGlob(pattern: string): AsyncGenerator<ImageReference, void, undefined> {
  const files = (await glob(pattern, { absolute: path.isAbsolute(pattern) })).sort();
  const root = staticPart(pattern);
  const pictures = files.filter(hasImageExtension).map((file) => ({ file, content: { path: file }, root }));
  yield* orEmpty(pattern, 'no picture matches', pictures);
}

/** The folders that a glob begins with, before its first wildcard. */
function staticPart(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => isDynamicPattern(part));
  return parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

async function* fromList(list: string): AsyncGenerator<ImageReference, void, undefined> {
  try {
    const found = await stat(list);
    if (found.isDirectory())
      throw new AppError('INPUT_NOT_FOUND', 'is a folder, expected a text file of paths');
    yield* fromLines(createReadStream(list));
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? 'no such list of paths' : messageOf(error);
    yield failed(`@${list}`, 'INPUT_NOT_FOUND', problem);
  }
}

async function* fromStdin(stdin: Readable): AsyncGenerator<ImageReference, void, undefined> {
  const chunks = stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done) {
    yield failed('-', 'INPUT_EMPTY', 'nothing came on stdin; expected paths, one a line, or an image');
    return;
  }
  const rest = { [Symbol.asyncIterator]: () => chunks };
  if (looksLikeImage(first.value)) {
    yield { file: '-', content: await collect(first.value, rest) };
    return;
  }
  async function* all() {
    yield first.value as Buffer;
    yield* rest;
  }
  yield* fromLines(all());
}

/** Paths, one a line; blank lines are passed over, folders and globs are opened up. */
async function* fromLines(
  input: NodeJS.ReadableStream | AsyncGenerator<Buffer>,
): AsyncGenerator<ImageReference, void, undefined> {
  const { Readable } = await import('node:stream');
  const stream = 'pipe' in input ? input : Readable.from(input);
  // A byte order mark is no part of the first path.
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    const text = line.replace(/^\uFEFF/, '').trimEnd();
    if (text !== '') yield* fromPath(text);
  }
}

async function collect(first: Buffer, rest: AsyncIterable<Buffer>): Promise<ImageReference['content']> {
  const chunks = [first];
  let length = first.length;
  for await (const chunk of rest) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_STDIN_IMAGE_BYTES) {
      return {
        error: new AppError(
          'IMAGE_TOO_LARGE',
          `the image on stdin has more than ${MAX_STDIN_IMAGE_BYTES} bytes`,
        ),
      };
    }
  }
  return { bytes: Buffer.concat(chunks, length) };
}

/** Magic bytes of the formats that sharp reads. SVG is text, and so are lists of paths: it is told by its first tag. */
function looksLikeImage(head: Buffer): boolean {
  const text = head.subarray(0, 256).toString('latin1');
  return (
    /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF[^]{4}WEBP|II\x2a\x00|MM\x00\x2a|BM[^]{4}\0\0\0\0)/.test(text) ||
    /^[^]{4}ftyp(avif|avis|mif1|heic)/.test(text) ||
    /^(\uFEFF|\xef\xbb\xbf)?\s*<(\?xml|svg|!--|!DOCTYPE svg)/i.test(text)
  );
}

/** What stands in a folder, hidden files left out. */
export interface FolderEntry {
  readonly name: string;
  /** `system`: a folder that is not the user's, and is not to be looked into. */
  readonly kind: 'folder' | 'picture' | 'other' | 'system';
  readonly isLink: boolean;
}

/** By name. Links count as what they lead to. @throws what the file system says */
export async function folderEntries(folder: string): Promise<readonly FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
    const { name } = entry;
    if (name.startsWith('.')) continue;
    const isLink = entry.isSymbolicLink();
    const opens = entry.isDirectory() || (isLink && (await leadsToFolder(path.join(folder, name))));
    const kind = opens ? (isSystemFolder(name) ? 'system' : 'folder') : hasImageExtension(name) ? 'picture' : 'other'; // prettier-ignore
    entries.push({ name, kind, isLink });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function leadsToFolder(link: string): Promise<boolean> {
  return stat(link).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** A folder's pictures, by name, folders opened where their name stands; hidden files are passed over. */
async function* walk(
  folder: string,
  { root, above }: { readonly root: string; readonly above: ReadonlySet<string> } = {
    root: folder,
    above: new Set(),
  },
): AsyncGenerator<ImageReference, void, undefined> {
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
  const inside = new Set([...above, real]);
  for (const { name, kind } of entries) {
    const file = path.join(folder, name);
    if (kind === 'folder') yield* walk(file, { root, above: inside });
    else if (kind === 'picture') yield { file, content: { path: file }, root };
  }
}

/** Whether a file is a picture by its name. */
function hasImageExtension(name: string): boolean {
  const extension = path.extname(name).toLowerCase();
  return IMAGE_EXTENSIONS.some((known) => known === extension);
}

async function* orEmpty(
  input: string,
  problem: string,
  references: AsyncIterable<ImageReference> | Iterable<ImageReference>,
): AsyncGenerator<ImageReference, void, undefined> {
  let any = false;
  for await (const reference of references) {
    any = true;
    yield reference;
  }
  if (!any) yield failed(input, 'INPUT_EMPTY', `${problem} (looked for ${IMAGE_EXTENSIONS.join(' ')})`);
}
