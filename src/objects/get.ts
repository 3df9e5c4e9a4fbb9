// get.ts: the bytes of an object, or of a part of it, in memory. What is cut off in the middle goes on where it stopped.

import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3 } from '@aws-sdk/client-s3';
import { AppError } from '../util/errors.ts';
import { parseBucketAddress } from './address.ts';
import { asked, type RequestOptions } from './client.ts';
import { isRefusedByCondition } from './failures.ts';

/** A part of an object, in bytes. */
interface Part {
  readonly offset: number;
  readonly bytes: number;
}

interface GetOptions {
  /** The content as it was listed. Another one is an error. */
  readonly etag?: string | undefined;
  /** Absent: the whole object. */
  readonly part?: Part | undefined;
  /** More are refused before any memory is taken for them. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** For one object with all tries: a byte now and then would keep the command running for days. */
const WHOLE_MS = 600_000;

/** @throws AppError INPUT_NOT_FOUND, INPUT_CHANGED, IMAGE_TOO_LARGE, IMAGE_UNREADABLE, DOWNLOAD_FAILED; the reason of the signal */
export async function getObject(
  where: string,
  { etag, part, maxBytes, signal }: GetOptions,
): Promise<Buffer> {
  if (part?.bytes === 0) return Buffer.alloc(0);
  if (part && part.bytes > maxBytes) throw tooLarge(part.bytes, maxBytes);
  const address = parseBucketAddress(where);
  const got: Got = { chunks: [], length: 0, whole: part?.bytes, etag };
  const late = AbortSignal.timeout(WHOLE_MS);
  const both = AbortSignal.any([late, ...(signal ? [signal] : [])]);
  try {
    await asked({ ...address, doing: 'read', signal: both }, async (s3, options) => {
      // A body that ended after its last byte needs no further request.
      if (got.length > 0 && got.length === got.whole) return;
      const { bucket: Bucket, key: Key } = address;
      const range = rangeOf(got, part?.offset);
      const request = { Bucket, Key, ...(range !== undefined && { Range: range }), ...(got.etag !== undefined && { IfMatch: got.etag }) }; // prettier-ignore
      await collect(await answerOf(s3, request, options), { got, isPart: range !== undefined, maxBytes, signal: both }); // prettier-ignore
    });
  } catch (error) {
    if (late.aborted && signal?.aborted !== true) throw new AppError('DOWNLOAD_FAILED', `${where} was not there after ${WHOLE_MS / 1000} s; run the command again`); // prettier-ignore
    throw error;
  }
  return got.chunks.length === 1 ? got.chunks[0]! : Buffer.concat(got.chunks, got.length);
}

/** What has arrived so far. */
interface Got {
  readonly chunks: Buffer[];
  length: number;
  /** All that is wanted, as soon as it is known. */
  whole: number | undefined;
  etag: string | undefined;
}

function rangeOf({ length, whole }: Got, offset: number | undefined): string | undefined {
  if (offset === undefined && length === 0) return undefined;
  const from = offset ?? 0;
  return `bytes=${from + length}-${whole === undefined ? '' : from + whole - 1}`;
}

const changed = () => new AppError('INPUT_CHANGED', 'the object was changed since it was listed; list the pictures again'); // prettier-ignore
const tooLarge = (bytes: number, most: number) => new AppError('IMAGE_TOO_LARGE', `it has ${bytes} bytes, expected at most ${most}`); // prettier-ignore

async function answerOf(s3: S3, request: Parameters<S3['getObject']>[0], options: RequestOptions) {
  try {
    return await s3.getObject(request, options);
  } catch (error) {
    throw isRefusedByCondition(error) ? changed() : error;
  }
}

interface Wanted {
  readonly got: Got;
  /** Whether a part was asked for, be it the rest of the whole. */
  readonly isPart: boolean;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

async function collect(
  answer: GetObjectCommandOutput,
  { got, isPart, maxBytes, signal }: Wanted,
): Promise<void> {
  const body = answer.Body as Readable;
  try {
    // Not all services know If-Match.
    if (got.etag !== undefined && answer.ETag !== undefined && answer.ETag !== got.etag) throw changed();
    if (isPart && answer.ContentRange === undefined) throw new AppError('DOWNLOAD_FAILED', 'the server gives whole objects where a part was asked for; its buckets cannot be read this way'); // prettier-ignore
    got.etag ??= answer.ETag;
    if (got.whole === undefined && answer.ContentLength !== undefined) got.whole = answer.ContentLength;
    const most = Math.min(maxBytes, got.whole ?? maxBytes);
    if (got.whole !== undefined && got.whole > maxBytes) throw tooLarge(got.whole, maxBytes);
    const stop = () => body.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (got.length + chunk.length > most) throw tooLarge(got.length + chunk.length, most);
        got.chunks.push(chunk);
        got.length += chunk.length;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (got.whole !== undefined && got.length < got.whole) throw Object.assign(new Error('the answer ended early'), { code: 'ECONNRESET' }); // prettier-ignore
  } finally {
    body.destroy();
  }
}
