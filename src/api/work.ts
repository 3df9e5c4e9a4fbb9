// work.ts: the link between running work and its caller: the caller can abort it, and it reports remarks and progress. It prints
// nothing itself.

import { AppError } from '../util/errors.ts';
import { formatBytes } from '../util/progress.ts';

/** How far a long job is. */
export interface Progress {
  /** What is being done. */
  readonly task: 'fetch' | 'scan' | 'list' | 'submit' | 'verify' | 'join' | 'classify' | 'features' | 'index' | 'load' | 'search' | 'inspect' | 'evaluate' | 'words' | 'find-lr' | 'plan' | 'head' | 'views' | 'train' | 'sort' | 'quantize';
  /** Bytes, pictures, rows or steps that are done. */
  readonly done: number;
  /** The total number of these, where it is known. */
  readonly total?: number;
  /** The same as one line for people. */
  readonly text: string;
} // prettier-ignore

/** What a caller of the library may give to anything that takes long. */
export interface WorkOptions {
  /** Ends the work: what is under way rejects with a FinchError of code `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the progress, at most once for each picture or step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called with remarks for people, one line each: which device runs, which pictures were left out. */
  readonly onNote?: ((text: string) => void) | undefined;
}

export interface Work {
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
  note(text: string): void;
}

export function workOf({ signal, onProgress, onNote }: WorkOptions): Work {
  return {
    signal: signal ?? new AbortController().signal,
    progress: (progress) => onProgress?.(progress),
    note: (text) => onNote?.(text),
  };
}

/** @throws AppError INTERRUPTED once the work was aborted */
export function throwIfAborted({ signal }: Pick<Work, 'signal'>): void {
  if (signal.aborted) throw interrupted(signal);
}

/** The error with which an aborted job rejects. */
export function interrupted(signal: AbortSignal): AppError {
  return new AppError('INTERRUPTED', 'interrupted', { cause: signal.reason });
}

/**
 * The same items; once the work is aborted, it no longer waits for a source that does not answer (a pipe, a slow disk).
 * @throws AppError INTERRUPTED
 */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  { signal }: Pick<Work, 'signal'>,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let giveUp: (error: AppError) => void = () => {};
  const abort = () => giveUp(interrupted(signal));
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      throwIfAborted({ signal });
      // A promise for each item: one that all items wait for would remember each of them until it is settled, a hundred million of a long list.
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    const closed = iterator.return?.();
    // If the source hangs, waiting for it here would hang too.
    if (signal.aborted) closed?.catch(() => {});
    else await closed;
  }
}

/** Keeps what was computed before an interruption: the interruption ends the rows, and the writer sees no error. */
export async function* untilInterrupted<T>(
  rows: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* rows;
  } catch (error) {
    const isInterruption = signal.aborted && error instanceof AppError && error.code === 'INTERRUPTED';
    if (!isInterruption) throw error;
  }
}

/** Reports the bytes of a download that have arrived. @param what begins the line for people */
export function fetchProgress(what: string, work: Work): (received: number, total?: number) => void {
  return (done, total) =>
    work.progress({
      task: 'fetch',
      done,
      ...(total !== undefined && { total }),
      text: `${what}: ${formatBytes(done)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`,
    });
}

/**
 * Runs what copies pictures out of a bucket or a table, and reports how many have arrived.
 * @param copy may reject with the reason of the signal
 * @throws AppError INTERRUPTED once the work was aborted; whatever `copy` throws
 */
export async function copyingPictures<T>(
  work: Work,
  copy: (options: Pick<Work, 'signal'> & { onProgress(done: number, total: number): void }) => Promise<T>,
): Promise<T> {
  try {
    return await copy({
      signal: work.signal,
      onProgress: (done, total) =>
        work.progress({ task: 'fetch', done, total, text: `copying: ${done} of ${total} pictures` }),
    });
  } catch (error) {
    throwIfAborted(work);
    throw error;
  }
}
