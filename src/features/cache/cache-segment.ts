// cache-segment.ts: one file of the feature cache: records of one size, appended by one process and read by any.
// A record is whole or it is not there: each carries a checksum over all of it, and a torn one at the end is passed over.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { AppError } from '../../util/errors.ts';

/** Facts about the picture itself, kept with its features. */
export interface CachedPicture {
  /** Of the decoded picture, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly row: Float32Array;
}

// A record: sha256 of the picture (32), width and height (4 each), row (4 a number), checksum (8).
const HASH_BYTES = 32;
const FACTS_BYTES = HASH_BYTES + 8;
const CHECKSUM_BYTES = 8;

export function recordBytes(numbers: number): number {
  return FACTS_BYTES + 4 * numbers + CHECKSUM_BYTES;
}

/** @param sha256 of the picture's content, 64 hex digits */
export function encodeRecord(sha256: string, { width, height, row }: CachedPicture): Buffer {
  const record = Buffer.alloc(recordBytes(row.length));
  record.write(sha256, 'hex');
  record.writeUInt32LE(width, HASH_BYTES);
  record.writeUInt32LE(height, HASH_BYTES + 4);
  Buffer.from(row.buffer, row.byteOffset, row.byteLength).copy(record, FACTS_BYTES);
  checksum(record).copy(record, record.length - CHECKSUM_BYTES);
  return record;
}

/** The hash of the picture that a record says it is of. */
export function hashOfRecord(record: Buffer): string {
  return record.toString('hex', 0, HASH_BYTES);
}

/** Undefined when the record is not what was written, or is another picture's. */
export function decodeRecord(record: Buffer, sha256: string): CachedPicture | undefined {
  if (!checksum(record).equals(record.subarray(-CHECKSUM_BYTES))) return undefined;
  if (hashOfRecord(record) !== sha256) return undefined;
  const row = new Float32Array((record.length - FACTS_BYTES - CHECKSUM_BYTES) / 4);
  Buffer.from(row.buffer).set(record.subarray(FACTS_BYTES, -CHECKSUM_BYTES));
  return { width: record.readUInt32LE(HASH_BYTES), height: record.readUInt32LE(HASH_BYTES + 4), row };
}

function checksum(record: Buffer): Buffer {
  const body = record.subarray(0, -CHECKSUM_BYTES);
  return createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES);
}

/** A file of records. Rows are a few kilobytes, so synchronous reads are several times as fast. */
export class CacheSegment {
  readonly file: string;
  readonly #descriptor: number;
  readonly #size: number;
  #count: number;

  /** @param create a new one, for writing; otherwise an existing one, for reading */
  constructor(file: string, size: number, { create = false } = {}) {
    this.file = file;
    this.#size = size;
    this.#descriptor = openSync(file, create ? 'wx+' : 'r');
    this.#count = Math.floor(fstatSync(this.#descriptor).size / size);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#count * this.#size;
  }

  /** The pictures' hashes in order, 32 bytes each, read in large pieces. */
  hashes(): Buffer {
    const hashes = Buffer.alloc(this.#count * HASH_BYTES);
    const perRead = Math.max(1, Math.floor(2 ** 20 / this.#size));
    const piece = Buffer.alloc(perRead * this.#size);
    for (let from = 0; from < this.#count; from += perRead) {
      const count = Math.min(perRead, this.#count - from);
      const length = readSync(this.#descriptor, piece, 0, count * this.#size, from * this.#size);
      for (let i = 0; i < count && (i + 1) * this.#size <= length; i++) {
        piece.copy(hashes, (from + i) * HASH_BYTES, i * this.#size, i * this.#size + HASH_BYTES);
      }
    }
    return hashes;
  }

  read(index: number): Buffer {
    const record = Buffer.alloc(this.#size);
    readSync(this.#descriptor, record, 0, this.#size, index * this.#size);
    return record;
  }

  /** @throws the system's error when the disk does not take the record; a partly written record is never read as one */
  append(record: Buffer): void {
    const written = writeSync(this.#descriptor, record, 0, record.length, this.#count * this.#size);
    if (written < record.length)
      throw new AppError('WRITE_FAILED', `cannot write ${this.file}: the disk is full`);
    this.#count += 1;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
