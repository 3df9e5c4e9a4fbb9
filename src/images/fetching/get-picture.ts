// get-picture.ts: one picture over HTTP, whole in memory. The server is not trusted: few redirects, each to an address that was checked,
// and limits of bytes and of time. What came is judged by who decodes it.

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError, messageOf } from '../../util/errors.ts';
import { packageVersion } from '../../util/package.ts';
import { quoted } from '../../util/quoted.ts';
import { isRedirect, MAX_REDIRECTS, redirectTarget } from '../../util/redirect.ts';
import { placesOf, type Place } from './places.ts';

/** Larger than any photo that is put on a page; several are held in memory at once. */
export const MAX_FETCHED_BYTES = 64 * 1024 ** 2;
/** Until a server begins to answer. One that is there does so within a few seconds. */
const ANSWER_MS = 10_000;
/** For the whole picture, with all redirects: a byte now and then would keep the command running for days. */
const WHOLE_MS = 60_000;

export interface FetchOptions {
  /** Also from this machine and its network. */
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly answerMs?: number;
  readonly wholeMs?: number;
}

const failed = (problem: string, cause?: unknown) => new AppError('DOWNLOAD_FAILED', problem, { cause });

/** @throws AppError DOWNLOAD_FAILED, IMAGE_TOO_LARGE */
export async function getPicture(address: string, options: FetchOptions): Promise<Buffer> {
  const { signal, wholeMs = WHOLE_MS } = options;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(failed(`the picture was not there after ${wholeMs / 1000} s`)),
    wholeMs,
  );
  const both = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
  try {
    return await bodyOf(await follow(new URL(address), { ...options, signal: both }));
  } catch (error) {
    const reason: unknown = late.signal.aborted ? late.signal.reason : error;
    throw reason instanceof AppError
      ? reason
      : failed(`cannot be fetched: ${quoted(messageOf(reason))}`, reason);
  } finally {
    clearTimeout(timer);
  }
}

type Timed = FetchOptions & { readonly signal: AbortSignal };

async function follow(first: URL, options: Timed): Promise<IncomingMessage> {
  let at = first;
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const response = await answerOf(at, options);
    const target = response.headers.location;
    if (!isRedirect(response.statusCode ?? 0) || target === undefined) return response;
    response.destroy();
    at = redirected(at, target);
  }
  throw failed(`the server redirects more than ${MAX_REDIRECTS} times`);
}

/** A name and a password go to the server that the user wrote them for, and to no other. */
function redirected(from: URL, target: string): URL {
  const to = redirectTarget(from, target, failed);
  const isSame = to.origin === from.origin;
  to.username = isSame ? from.username : '';
  to.password = isSame ? from.password : '';
  return to;
}

/** The beginning of an answer, from a place that was checked. */
async function answerOf(
  url: URL,
  { allowPrivate, signal, answerMs = ANSWER_MS }: Timed,
): Promise<IncomingMessage> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(failed(`the server did not answer in ${answerMs / 1000} s`)),
    answerMs,
  );
  const stopped = ended(AbortSignal.any([signal, late.signal]));
  try {
    const places = await Promise.race([placesOf(url.hostname, allowPrivate), stopped]);
    return await Promise.race([requested(url, places, AbortSignal.any([signal, late.signal])), stopped]);
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects with the reason of the signal: a lookup of a name cannot be stopped, only left behind. */
function ended(signal: AbortSignal): Promise<never> {
  const stopped = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  stopped.catch(() => {});
  return stopped;
}

function requested(url: URL, places: readonly Place[], signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { get } = url.protocol === 'https:' ? https : http;
    get(url, {
      // A connection of its own, to nothing but the places that were checked.
      agent: false,
      lookup: (_, { all }, done) => {
        const [first] = places as readonly [Place];
        if (all === true) done(null, [...places]);
        else done(null, first.address, first.family);
      },
      headers: { 'accept-encoding': 'identity', 'user-agent': `finch/${packageVersion()}` },
      signal,
    })
      .on('response', resolve)
      .on('error', reject);
  });
}

/** What servers do to a body although it was asked for as it is. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  try {
    return await collected(decoded(response));
  } finally {
    response.destroy();
  }
}

function decoded(response: IncomingMessage): Readable {
  const { statusCode, statusMessage = '', headers } = response;
  if (statusCode !== 200)
    throw failed(`the server answered ${statusCode} ${quoted(statusMessage, 60)}`.trim());
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return response;
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (!decoder)
    throw failed(`the server packed the picture as '${quoted(encoding, 60)}', which was not asked for`);
  // What goes wrong with either is told to whoever reads the end.
  return pipeline(response, decoder(), () => {});
}

/** @throws AppError IMAGE_TOO_LARGE, whatever length the server has said */
async function collected(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_FETCHED_BYTES) {
      throw new AppError('IMAGE_TOO_LARGE', `it has more than ${MAX_FETCHED_BYTES} bytes, the limit for a picture by address`); // prettier-ignore
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
