// new-rows.ts: rows on their way into an index, a block at a time.

import type { ManifestEntry } from '../manifest.ts';
import type { IndexSource } from './record.ts';

/** Some rows of one source, in their order. */
export interface NewRows {
  readonly source: Omit<IndexSource, 'taken'>;
  /** `[N, numbers]`; who takes them may change them. */
  readonly vectors: Float32Array;
  /** N of them. */
  readonly entries: readonly ManifestEntry[];
}

/** Of a block: 64 MB of float32. */
const BLOCK_NUMBERS = 2 ** 24;
const MOST_BLOCK_ROWS = 512;

/** Rows that are added at a time: signals are heard, and progress is told, between them. */
export const rowsAtOnce = (numbers: number) =>
  Math.max(1, Math.min(MOST_BLOCK_ROWS, Math.floor(BLOCK_NUMBERS / numbers)));

/** Blocks that can be looked at before they are taken. What is wrong with the next one waits until it is asked for. */
export class Held {
  readonly #blocks: AsyncIterator<NewRows>;
  #next: Promise<IteratorResult<NewRows>> | undefined;

  constructor(blocks: AsyncIterable<NewRows>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  async peek(): Promise<NewRows | undefined> {
    this.#next ??= this.#blocks.next();
    const { done, value } = await this.#next;
    return done ? undefined : value;
  }

  take(): void {
    this.#next = undefined;
  }

  hasMore = async () => (await this.peek()) !== undefined;

  async close(): Promise<void> {
    await this.#blocks.return?.();
  }
}
