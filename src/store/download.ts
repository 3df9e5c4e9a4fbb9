// download.ts: one file over HTTP: resumed after a cut, checked by its hash, and never left incomplete under its final name.

import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../util/errors.ts';
import { writeFailed } from '../util/files.ts';
import { withFileLock } from '../util/lock.ts';
import { checksumOf, type Checksum } from './checksum.ts';
import { chunksOf, Final, follow, interruptedDownload, isPassing, reasonOf, statusOf } from './http.ts';

export interface DownloadRequest {
  readonly url: string;
  /** Where the file goes; beside it `<file>.part` grows. */
  readonly file: string;
  readonly checksum: Checksum;
  readonly maxBytes: number;
  /** A secret for the address' own host. */
  readonly token?: string | undefined;
  /** What the user may do about an answer of this status; by default the usual advice. */
  readonly advice?: (status: number) => string | undefined;
  readonly onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
  readonly signal?: AbortSignal;
  /** How long a connection may deliver no bytes. */
  readonly stallMs?: number;
  /** How long a connection may deliver fewer than `LEAST_BYTES_A_MS`, on average. */
  readonly slowMs?: number;
}

/** A connection that delivers no bytes for this long is treated as dead. */
const STALL_MS = 30_000;
/** One that delivers fewer bytes than this for so long is as good as dead: a byte now and then would keep the command running for days. */
const SLOW_MS = 60_000;
const LEAST_BYTES_A_MS = 1;
/** The limit of attempts without a new byte. Every new byte restarts the count. */
const MAX_FRUITLESS = 4;
/** The limit of all attempts: a server that sends one byte per connection would keep the command running for ever. */
const MAX_CONNECTIONS = 200;
const FIRST_PAUSE_MS = 200;

/** A connection was too slow: its few new bytes do not count. */
class TooSlow extends Error {}

/**
 * Leaves `file` whole and checked, or throws and leaves at most `<file>.part`, from which the next call goes on.
 * Several processes asking for the same file share one download.
 * @throws AppError DOWNLOAD_FAILED, WRITE_FAILED, INTERRUPTED
 */
export async function download(request: DownloadRequest): Promise<void> {
  const { file, url, checksum, signal } = request;
  if (!/^https?:/.test(url)) throw failed(request, 'only http and https addresses can be fetched');
  await withFileLock(
    file,
    async () => {
      if (await matches(file, checksum)) return;
      await fetchPart(request);
      const hash = await checksumOf(partOf(file), checksum);
      if (!hash.startsWith(checksum.prefix)) {
        await removePart(file);
        throw failed(
          request,
          `its ${checksum.algorithm} is ${hash.slice(0, 12)}…, expected ${checksum.prefix.slice(0, 12)}…; it was removed`,
        );
      }
      await rename(partOf(file), file).catch((error: unknown) => {
        throw writeFailed(file, error);
      });
      await removePart(file);
    },
    signal && { signal },
  );
}

const partOf = (file: string) => `${file}.part`;
/** Servers' tags are some dozen characters. */
const MAX_TAG = 1000;
/** What fetch takes as a header. */
const HEADER_VALUE = /^[\x20-\x7e\x80-\xff]+$/;
/** The server's name for the version of which `.part` is the beginning. */
const tagOf = (file: string) => `${file}.part.etag`;

async function removePart(file: string): Promise<void> {
  await rm(partOf(file), { force: true });
  await rm(tagOf(file), { force: true });
}

async function matches(file: string, checksum: Checksum): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && (await checksumOf(file, checksum)).startsWith(checksum.prefix);
}

async function partBytes(file: string): Promise<number> {
  return stat(partOf(file)).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Fetches until the server has nothing more, over as many connections as it takes. */
async function fetchPart(request: DownloadRequest): Promise<void> {
  let fruitless = 0;
  // A file that starts over again and again brings nothing new.
  let most = 0;
  for (let connections = 0; ; connections++) {
    if (connections === MAX_CONNECTIONS) {
      throw failed(request, `it was cut off ${connections} times; the same command goes on where it stopped`);
    }
    const before = await partBytes(request.file);
    try {
      await fetchOnce(request, before);
      return;
    } catch (error) {
      if (request.signal?.aborted) throw interruptedDownload(error);
      if (error instanceof AppError) throw error;
      if (error instanceof Final) throw failed(request, error.message, error);
      const after = await partBytes(request.file);
      fruitless = after > Math.max(before, most) && !(error instanceof TooSlow) ? 0 : fruitless + 1;
      most = Math.max(most, after);
      if (fruitless >= MAX_FRUITLESS)
        throw failed(request, reasonOf(error, request.stallMs ?? STALL_MS), error);
      await sleep(
        FIRST_PAUSE_MS * 2 ** fruitless,
        undefined,
        request.signal && { signal: request.signal },
      ).catch(() => {});
    }
  }
}

/** One connection: from where `.part` ends, or from the start when the server does not go on from there. */
async function fetchOnce(request: DownloadRequest, have: number): Promise<void> {
  const { url, file, maxBytes, onProgress, signal, token, stallMs = STALL_MS, slowMs = SLOW_MS } = request;
  const kept = await readFile(tagOf(file), 'utf8').catch(() => '');
  const tag = HEADER_VALUE.test(kept) ? kept : '';
  // Without a tag it is unknown whether the rest belongs to the same version as the beginning.
  const resume = have > 0 && tag !== '';
  const stalled = new AbortController();
  let watchdog = setTimeout(() => stalled.abort(), stallMs);
  try {
    const either = AbortSignal.any([stalled.signal, ...(signal ? [signal] : [])]);
    const response = await follow(url, {
      headers: {
        'accept-encoding': 'identity',
        ...(resume && { range: `bytes=${have}-`, 'if-range': tag }),
      },
      token,
      signal: either,
    });
    if (response.status === 416 && resume) {
      // Nothing behind our last byte: either all is here, or the file has become shorter. The hash will tell.
      await response.body?.cancel();
      if (response.headers.get('content-range') === `bytes */${have}`) return;
      await removePart(file);
      throw new Error('the file has changed on the server');
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      if (isPassing(response)) throw new Error(statusOf(response));
      const advice = request.advice?.(response.status);
      if (advice === undefined) throw new Final(statusOf(response));
      throw new AppError('DOWNLOAD_FAILED', `cannot fetch ${url}: ${statusOf(response)}; ${advice}`);
    }
    // A part of a compressed answer does not tell how many bytes of the file it holds, so it is never resumed.
    const isEncoded = !['', 'identity'].includes(response.headers.get('content-encoding') ?? '');
    const start = response.status === 206 ? have : 0;
    if (start > 0 && (isEncoded || !response.headers.get('content-range')?.startsWith(`bytes ${start}-`))) {
      await response.body.cancel();
      await removePart(file);
      throw new Error('the server answered with another part of the file than was asked for');
    }
    if (response.status === 206 && !resume) {
      await response.body.cancel();
      throw new Final('the server answered with a part of the file, the whole was asked for');
    }
    const length = isEncoded ? '' : (response.headers.get('content-length') ?? '');
    const total = /^\d{1,15}$/.test(length) ? start + Number(length) : undefined;
    if (total !== undefined && total > maxBytes) {
      await response.body.cancel();
      throw new Final(`it has ${total} bytes, the limit is ${maxBytes}`);
    }
    const newTag = isEncoded ? '' : (response.headers.get('etag') ?? '');
    if (start === 0) await writeFile(tagOf(file), newTag.length <= MAX_TAG ? newTag : '');

    const handle = await open(partOf(file), start === 0 ? 'w' : 'r+');
    let received = start;
    let before = start;
    const pace = setInterval(() => {
      const bytes = received - before;
      if (bytes < slowMs * LEAST_BYTES_A_MS)
        stalled.abort(new TooSlow(`only ${bytes} bytes came in ${slowMs / 1000} s`));
      before = received;
    }, slowMs);
    try {
      for await (const chunk of chunksOf(response.body, either)) {
        clearTimeout(watchdog);
        if (received + chunk.length > maxBytes)
          throw new Final(`it has more than ${maxBytes} bytes, the limit`);
        await handle.write(chunk, 0, chunk.length, received).catch((error: unknown) => {
          throw writeFailed(partOf(file), error);
        });
        received += chunk.length;
        onProgress?.(received, total);
        watchdog = setTimeout(() => stalled.abort(), stallMs);
      }
      await handle.sync();
    } finally {
      clearInterval(pace);
      await handle.close();
    }
    if (total !== undefined && received < total) throw new Error('the connection was cut');
  } finally {
    clearTimeout(watchdog);
  }
}

function failed({ url, file }: DownloadRequest, reason: string, cause?: unknown): AppError {
  return new AppError(
    'DOWNLOAD_FAILED',
    `cannot fetch ${url}: ${reason}. Check the network, try --mirror URL, or put the file at ${file} yourself.`,
    cause === undefined ? undefined : { cause },
  );
}
