// work.ts: how work under way speaks with whoever asked for it: it can be aborted, and it tells remarks and progress. It prints
// nothing itself.

import { AppError } from '../util/errors.ts';

/** How far a long job is. */
export interface Progress {
  /** What is being done. */
  readonly task: 'fetch' | 'scan' | 'classify' | 'features' | 'search' | 'inspect' | 'evaluate' | 'find-lr' | 'head' | 'train';
  /** Bytes, pictures, rows or steps that are done. */
  readonly done: number;
  /** Of so many, where that is known. */
  readonly total?: number;
  /** The same as one line for people. */
  readonly text: string;
} // prettier-ignore

/** What a caller of the library may give to anything that takes long. */
export interface WorkOptions {
  /** Ends the work: what is under way rejects with a FinchError of code `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Told how far the work is; never more often than once a picture or step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told remarks for people, one line each: which device runs, which pictures were left out. */
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

/** What a job that was told to end rejects with. */
export function interrupted(signal: AbortSignal): AppError {
  return new AppError('INTERRUPTED', 'interrupted', { cause: signal.reason });
}

/**
 * The same items, but a source that does not answer (a pipe, a slow disk) is not waited for once the work is aborted.
 * @throws AppError INTERRUPTED
 */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  { signal }: Pick<Work, 'signal'>,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(interrupted(signal));
  });
  aborted.catch(() => {}); // told to whoever waits for an item
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    const closed = iterator.return?.();
    // A source that hangs would hang here too.
    if (signal.aborted) closed?.catch(() => {});
    else await closed;
  }
}

/** What was computed before an interruption is kept: it ends the rows, and is no error to whoever writes them. */
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
