// prepare.ts: one reference -> the pixels that a network expects, or what is wrong with the picture.
// It runs in the caller's thread: in the main thread for a few pictures, in workers for many.

import { createHash } from 'node:crypto';
import type { PathLike } from 'node:fs';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { openRegularFile, readRegularFile } from '../util/files.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { decodeResized, type DecodeOptions } from './decode.ts';
import { planOf, withBars } from './preprocess.ts';
import { within, type Pixels, type Resize, type Size } from './resize.ts';
import type { FilePart, ImageReference, StoredObject } from './source.ts';

export interface PrepareOptions {
  readonly decode: DecodeOptions;
  /** A picture is decoded once and prepared in each of these ways. */
  readonly preprocessings: readonly Preprocessing[];
  /** Also returns the picture as people see it, for figures. */
  readonly keepOriginal: boolean;
  /** Also returns the sha256 of the file's content. */
  readonly hash?: boolean;
}

/** What a network sees of a picture. */
export interface PreparedPixels {
  /** `[height, width, 3]` uint8 for each of the preprocessings, in their order. */
  readonly pixels: readonly Uint8Array[];
}

/** A picture that is ready for the network, or what is wrong with it. */
export type PreparedImage =
  | (PreparedPixels & {
      readonly file: string;
      /** The size of the decoded picture, in pixels. */
      readonly width: number;
      readonly height: number;
      /** Lower-case hex, if it was requested. */
      readonly sha256?: string;
      readonly original?: Pixels;
      /** A remark about the picture for the user. */
      readonly remark?: string;
    })
  | { readonly file: string; readonly error: AppError };

/** Never rejects because of a bad picture: any other error is a bug. */
export async function prepareImage(
  { file, content }: ImageReference,
  { decode, preprocessings, keepOriginal, hash = false }: PrepareOptions,
): Promise<PreparedImage> {
  try {
    const bytes = await readContent(content);
    const { resized, remark, ...size } = await decodeResized(bytes, decode, (source, hasAlpha) => [
      ...preprocessings.map((preprocessing) => planOf(source, preprocessing)),
      // On white it has the same pixels, so that one decoding does for both.
      ...(keepOriginal && !hasAlpha ? [shownResize(source)] : []),
    ]);
    const shown = resized[preprocessings.length];
    const pixels = preprocessings.map((preprocessing, i) =>
      withBars(resized[i]!, planOf(size, preprocessing), preprocessing),
    );
    return {
      file,
      pixels,
      ...size,
      ...(hash && { sha256: sha256Of(bytes) }),
      ...(keepOriginal && { original: shown ?? (await shownPicture(bytes, decode)) }),
      ...(remark !== undefined && { remark }),
    };
  } catch (error) {
    return { file, error: asImageError(error) };
  }
}

/** The longest side of a picture for figures, in pixels; larger ones are reduced while they are decoded. */
const SHOWN_SIDE = 1280;

function shownResize(source: Size): Resize {
  const size = within(source, SHOWN_SIDE);
  return { size, crop: { left: 0, top: 0, ...size }, interpolation: 'bicubic' };
}

/** The picture as people see it: white under what is transparent. The network gets other pixels: see decode.ts. */
async function shownPicture(bytes: Buffer, decode: DecodeOptions): Promise<Pixels> {
  const { resized } = await decodeResized(bytes, { ...decode, onWhite: true }, (source) => [
    shownResize(source),
  ]);
  return resized[0]!;
}

/** The whole file is held in memory during decoding; a larger file is not taken for a picture. */
const MAX_PICTURE_BYTES = 1024 ** 3;

/** A picture file's bytes. @throws AppError IMAGE_UNREADABLE when it is no regular file or too large, and system errors */
export function readPicture(file: PathLike): Promise<Buffer> {
  return readRegularFile(file, { limit: MAX_PICTURE_BYTES, what: 'the picture', code: 'IMAGE_UNREADABLE' });
}

/** Said by commands that take files alone. */
const NOT_FETCHED = 'addresses are not fetched here; download the picture and give its file';

/** The bytes behind a reference. @throws errors of reading, or the reference's own error */
export async function readContent(content: ImageReference['content']): Promise<Buffer> {
  if ('error' in content) throw content.error;
  if ('address' in content) throw new AppError('INPUT_NOT_FOUND', NOT_FETCHED);
  if ('bytes' in content) return content.bytes;
  if ('object' in content) return readObject(content.object);
  return content.part ? readPart(asPath(content.path), content.part) : readPicture(asPath(content.path));
}

/** An object as it was when it was listed. @throws AppError INPUT_CHANGED, INPUT_NOT_FOUND, DOWNLOAD_FAILED; the reason of the signal */
export async function readObject({ where, etag, part }: StoredObject, signal?: AbortSignal): Promise<Buffer> {
  // Loaded by who has a bucket, so that nobody else waits for it.
  const { getObject } = await import('../objects/get.ts');
  return getObject(where, { etag, part, maxBytes: MAX_PICTURE_BYTES, signal });
}

/** @throws AppError IMAGE_UNREADABLE when it is too large or beyond the file's end, and system errors */
async function readPart(file: PathLike, { offset, bytes }: FilePart): Promise<Buffer> {
  const refuse = (problem: string) => new AppError('IMAGE_UNREADABLE', problem);
  if (bytes > MAX_PICTURE_BYTES) throw refuse(`the picture has ${bytes} bytes, expected at most ${MAX_PICTURE_BYTES}`); // prettier-ignore
  const { handle, size } = await openRegularFile(file, { what: 'the archive', code: 'IMAGE_UNREADABLE' });
  try {
    if (offset + bytes > size) throw refuse('the archive ends before this picture does: it was cut short');
    const target = Buffer.alloc(bytes);
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await handle.read(target, done, bytes - done, offset + done);
      if (bytesRead === 0) throw refuse('the archive ends before this picture does: it was cut short');
      done += bytesRead;
    }
    return target;
  } finally {
    await handle.close();
  }
}

/** A name that is not UTF-8 comes as bytes, which are not a Buffer when they come from another thread. */
const asPath = (given: string | Uint8Array) => (typeof given === 'string' ? given : Buffer.from(given));

/** Lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const READ_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'reading it is not permitted; check its owner and mode',
  EPERM: 'reading it is not permitted; check its owner and mode',
  EISDIR: 'a folder where a picture was expected',
  ELOOP: 'a link that leads to itself',
};

/** The problem with a picture, for the user. @throws errors that are bugs */
export function asImageError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = systemCode(error);
  if (code === undefined) throw error; // a bug, not a bad picture
  const problem = READ_PROBLEMS[code] ?? messageOf(error);
  return new AppError(code === 'ENOENT' ? 'INPUT_NOT_FOUND' : 'IMAGE_UNREADABLE', problem, { cause: error });
}
