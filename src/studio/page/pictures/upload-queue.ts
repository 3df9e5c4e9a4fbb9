// upload-queue.ts: pictures on their way into the folder, some at a time. What fails for want of an answer is tried again; what the
// server refuses is kept with its reason.

import { Problem } from '../api.ts';

/** At once. */
const LANES = 3;
/** The server takes no larger body. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Before the second, third and fourth try. */
const PAUSES_MS = [500, 2000, 5000] as const;

export interface Upload {
  readonly name: string;
  readonly bytes: Blob;
  readonly className?: string | undefined;
}

export interface FailedUpload extends Upload {
  /** What came of its request; undefined where the file is larger than the server takes. */
  readonly error: unknown;
}

export interface UploadProgress {
  readonly total: number;
  readonly done: number;
  readonly failed: readonly FailedUpload[];
  readonly isOver: boolean;
}

type Send = (
  bytes: Blob,
  to: { readonly name: string; readonly className?: string | undefined },
) => Promise<unknown>;

const EMPTY: UploadProgress = { total: 0, done: 0, failed: [], isOver: true };

export class UploadQueue {
  readonly #send: Send;
  readonly #pauses: readonly number[];
  readonly #listeners = new Set<() => void>();
  #waiting: Upload[] = [];
  #lanes = 0;
  #progress = EMPTY;

  constructor(send: Send, pausesMs: readonly number[] = PAUSES_MS) {
    this.#send = send;
    this.#pauses = pausesMs;
  }

  get progress(): UploadProgress {
    return this.#progress;
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  add(uploads: readonly Upload[]): void {
    if (uploads.length === 0) return;
    this.#waiting.push(...uploads);
    this.#tell({ total: this.#progress.total + uploads.length, isOver: false });
    for (; this.#lanes < LANES && this.#lanes < this.#waiting.length; this.#lanes++) void this.#run();
  }

  /** Tries what failed once more. */
  retry(): void {
    const { failed, total } = this.#progress;
    this.#tell({ failed: [], total: total - failed.length });
    this.add(failed.map(({ name, bytes, className }) => ({ name, bytes, className })));
  }

  /** Leaves out what has not begun. */
  stop(): void {
    this.#tell({ total: this.#progress.total - this.#waiting.length });
    this.#waiting = [];
  }

  /** Forgets what is over. */
  clear(): void {
    if (this.#progress.isOver) this.#tell(EMPTY);
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const failed = await this.#try(next);
      if (failed === undefined) this.#tell({ done: this.#progress.done + 1 });
      else this.#tell({ failed: [...this.#progress.failed, failed] });
    }
    this.#lanes--;
    if (this.#lanes === 0) this.#tell({ isOver: true });
  }

  /** @returns what was not added */
  async #try(upload: Upload): Promise<FailedUpload | undefined> {
    if (upload.bytes.size > MAX_BYTES) return { ...upload, error: undefined };
    for (const pause of [...this.#pauses, undefined]) {
      try {
        await this.#send(upload.bytes, upload);
        return undefined;
      } catch (error) {
        if (pause === undefined || !isPassing(error)) {
          return { ...upload, error };
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return undefined;
  }

  #tell(change: Partial<UploadProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** Whether the same request may go well later. */
const isPassing = (error: unknown) =>
  error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);
