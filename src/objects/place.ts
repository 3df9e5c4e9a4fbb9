// place.ts: a place of files, the disk or a bucket, behind one interface: who reads and writes through it need not know which it is.

import type { FileHandle } from 'node:fs/promises';
import { AppError, openingProblem } from '../util/errors.ts';
import type { Output } from '../util/outputs.ts';
import { isBucketAddress } from './address.ts';
import { disk } from './disk.ts';

/** What is known of a file or an object without reading it. */
export interface Found {
  /** In bytes. */
  readonly size: number;
  /** Tells this content from any other that the same name had: of a file, its length and the time of its last change. */
  readonly etag: string;
}

/** A file or an object that is read at any place. It is the same content until `close`: one that changes meanwhile is an error. */
export interface OpenedBytes extends Found {
  readonly where: string;
  /** What is worth reading at once where small pieces are wanted one behind the other, in bytes. */
  readonly pieceBytes: number;
  /** Fills `target` from a place. @throws AppError FILE_INVALID where the content ends first */
  readonly read: (target: Uint8Array, at: number) => Promise<void>;
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Whether what has the name already is replaced. */
  readonly replace: boolean;
}

/** All functions take whole names: a path, or `s3://bucket/key`. */
export interface Place {
  /** Undefined where there is nothing of that name. @throws system errors; AppError DOWNLOAD_FAILED */
  find(where: string): Promise<Found | undefined>;
  /** @throws system errors; AppError INPUT_NOT_FOUND, DOWNLOAD_FAILED */
  open(where: string): Promise<OpenedBytes>;
  /** The names in a folder, without those in the folders in it. @throws system errors; AppError DOWNLOAD_FAILED */
  names(folder: string): Promise<readonly string[]>;
  /**
   * Writes whole or not at all. `fill` gets a handle to a file aside, and its path.
   * @returns false where the name was there already and was left. @throws AppError WRITE_FAILED
   */
  write(
    where: string,
    fill: (handle: FileHandle, aside: string) => Promise<void>,
    options: WriteOptions,
  ): Promise<boolean>;
  /** Nothing happens where there is nothing of that name. @throws AppError WRITE_FAILED */
  remove(where: string): Promise<void>;
  /** Makes the folder, where there are such things. @throws AppError WRITE_FAILED */
  makeFolder(folder: string): Promise<void>;
  /** Checks before the work that a folder can be written, as far as that can be told. @throws AppError WRITE_FAILED */
  checkFolder(output: Output): Promise<void>;
}

/** The place that a name is about. What knows buckets is loaded by who has one, so that nobody else waits for it. */
export async function placeOf(where: string): Promise<Place> {
  return isBucketAddress(where) ? (await import('./bucket.ts')).bucket : disk;
}

/** A file of a kind that finch reads by its parts. @throws AppError FILE_INVALID where it is missing, DOWNLOAD_FAILED */
export async function openBytes(where: string): Promise<OpenedBytes> {
  const place = await placeOf(where);
  return place.open(where).catch((error: unknown) => {
    if (error instanceof AppError && error.code !== 'INPUT_NOT_FOUND') throw error;
    throw new AppError('FILE_INVALID', `cannot open ${where}: ${openingProblem(error, 'no such file')}`, { cause: error }); // prettier-ignore
  });
}
