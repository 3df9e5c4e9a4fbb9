// bucket.ts: buckets as a place of files. An object is there whole or not at all; one that is there is left unless it is to be replaced.

import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { asideOf, sweepAsides } from '../util/aside.ts';
import { AppError } from '../util/errors.ts';
import { writeFailed } from '../util/files.ts';
import { joinedTo, parseBucketAddress } from './address.ts';
import { asked } from './client.ts';
import { isMissing, isNotImplemented, isPassing, isRefusedByCondition } from './failures.ts';
import { getObject } from './get.ts';
import { listObjects } from './list.ts';
import type { Found, Place } from './place.ts';

/** A request takes as long as reading some megabytes more. */
const PIECE_BYTES = 8 * 1024 ** 2;
/** What is read at once of a container: a row group at most. */
const MAX_READ_BYTES = 2 ** 30;
/** What services take in one request. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
/** The name of the folder in the system's temporary one that an object is gathered in. */
const GATHERED = 'finch-object';

export const bucket: Place = {
  find,
  async open(where) {
    const found = await find(where);
    if (!found) throw new AppError('INPUT_NOT_FOUND', 'no such object; check the name');
    const { size, etag } = found;
    return {
      ...found,
      where,
      pieceBytes: PIECE_BYTES,
      read: async (target, at) => {
        if (at + target.length > size) throw new AppError('FILE_INVALID', `${where} ends at byte ${size}, expected ${at + target.length - size} more: it was cut short, fetch it again`); // prettier-ignore
        const part = { offset: at, bytes: target.length };
        target.set(await getObject(where, { etag, part, maxBytes: MAX_READ_BYTES }));
      },
      close: async () => {},
    };
  },
  async names(folder) {
    const { bucket, key } = parseBucketAddress(joinedTo(folder, ''));
    const names: string[] = [];
    for await (const object of listObjects({ bucket, key }, { isFlat: true })) names.push(object.key.slice(key.length)); // prettier-ignore
    return names;
  },
  async write(where, fill, { replace }) {
    // What is written in parts is gathered on the disk first: a request says at its beginning how long it is.
    await sweepAsides(tmpdir(), GATHERED);
    const folder = await asideOf(path.join(tmpdir(), GATHERED));
    const aside = path.join(folder, 'object');
    try {
      await mkdir(folder, { mode: 0o700 });
      const handle = await open(aside, 'wx', 0o600);
      await fill(handle, aside).finally(() => handle.close());
      return await put(where, aside, replace);
    } catch (error) {
      throw writeFailed(where, error);
    } finally {
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  },
  async remove(where) {
    const { bucket, key } = parseBucketAddress(where);
    // Who may not remove objects need not be able to where there is none.
    if (!(await find(where))) return;
    await asked({ bucket, key, doing: 'write' }, (s3, options) => s3.deleteObject({ Bucket: bucket, Key: key }, options)); // prettier-ignore
  },
  makeFolder: async () => {},
  async checkFolder({ file }) {
    const { bucket, key } = parseBucketAddress(joinedTo(file, ''));
    for await (const _ of listObjects({ bucket, key }, { isFlat: true })) break;
  },
};

async function find(where: string): Promise<Found | undefined> {
  const { bucket, key } = parseBucketAddress(where);
  const request = { Bucket: bucket, Key: key };
  return asked({ bucket, key, doing: 'read' }, async (s3, options) => {
    try {
      const { ContentLength = 0, ETag = '' } = await s3.headObject(request, options);
      return { size: ContentLength, etag: ETag };
    } catch (error) {
      // HEAD says 404 of a missing bucket as well; who lists or writes then hears of it.
      if (isMissing(error)) return undefined;
      if (isPassing(error)) throw error;
      // An answer to HEAD has no room for a reason; one to GET has.
      const { Body } = await s3.getObject({ ...request, Range: 'bytes=0-0' }, options);
      (Body as Readable).destroy();
      throw error;
    }
  });
}

/** @returns false where another object is there and was left */
async function put(where: string, file: string, replace: boolean): Promise<boolean> {
  const { bucket, key } = parseBucketAddress(where);
  const { size } = await stat(file);
  if (size > MAX_PUT_BYTES) throw new AppError('WRITE_FAILED', `${where} would have ${size} bytes, and a bucket takes ${MAX_PUT_BYTES} at once; make shards smaller with --size`); // prettier-ignore
  let isAgain = false;
  let isConditional = !replace;
  return asked({ bucket, key, doing: 'write' }, async (s3, options) => {
    // A server that refuses may close the connection before its answer is read.
    if (isAgain && !replace && (await find(where))) return false;
    isAgain = true;
    const body = createReadStream(file);
    try {
      await s3.putObject({ Bucket: bucket, Key: key, Body: body, ContentLength: size, ...(isConditional && { IfNoneMatch: '*' }) }, options); // prettier-ignore
      return true;
    } catch (error) {
      if (!replace && isRefusedByCondition(error)) return false;
      // The next try looks whether the object is there, and does without.
      if (isNotImplemented(error)) isConditional = false;
      throw error;
    } finally {
      body.destroy();
    }
  });
}
