// thumbnails.ts: small pictures for the page, made in threads: the newest wish first, because a page that scrolls does not wait for what
// it has passed. The latest stay in memory, up to a limit.

import { stat } from 'node:fs/promises';
import { startShowing, type ShownRequest } from '../images/showing.ts';
import { AppError } from '../util/errors.ts';
import { fileTag } from '../util/file-tag.ts';

/** Bytes of small pictures in memory: some ten thousand. */
const CACHE_BYTES = 64 * 1024 ** 2;
/** Wishes that wait; the oldest beyond are given up. A screen has a few hundred places. */
const MAX_WAITING = 2000;
/** For each thread: one file is read while the other is decoded. */
const PER_THREAD = 2;

interface Wish {
  readonly begin: () => void;
  readonly give: (error: Error) => void;
}

export class Thumbnails {
  readonly #showing = startShowing();
  /** By tag, the longest unused first. */
  readonly #cache = new Map<string, Buffer>();
  #cached = 0;
  readonly #waiting: Wish[] = [];
  #running = 0;

  /** What tells a picture at this size from what it was before. @throws the system's errors where it is gone */
  async tagOf(file: string, side: number): Promise<string> {
    return `"${fileTag(await stat(file))}-${side}"`;
  }

  /** @param tag of `tagOf`. @param signal of who no longer wants it. @throws AppError where it is no picture; the signal's reason */
  async get(request: ShownRequest, tag: string, signal: AbortSignal): Promise<Buffer> {
    const known = this.#cache.get(tag);
    if (known) {
      this.#cache.delete(tag);
      this.#cache.set(tag, known);
      return known;
    }
    await this.#turn(signal);
    try {
      const webp = await this.#showing.webp(request);
      this.#keep(tag, webp);
      return webp;
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  dispose(): Promise<void> {
    for (const { give } of this.#waiting.splice(0)) give(new AppError('INTERRUPTED', 'the studio ends'));
    return this.#showing.dispose();
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wish: Wish = { begin: resolve, give: reject };
      signal.addEventListener('abort', () => {
        const at = this.#waiting.indexOf(wish);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason as Error);
      }, { once: true }); // prettier-ignore
      this.#waiting.push(wish);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()!.give(new AppError('INTERRUPTED', 'too many pictures are wanted at once')); // prettier-ignore
      this.#next();
    });
  }

  #next(): void {
    if (this.#running >= PER_THREAD * this.#showing.threads) return;
    const wish = this.#waiting.pop();
    if (!wish) return;
    this.#running += 1;
    wish.begin();
  }

  #keep(tag: string, webp: Buffer): void {
    // Two pages may have asked for it.
    this.#cached += webp.length - (this.#cache.get(tag)?.length ?? 0);
    this.#cache.set(tag, webp);
    for (const [oldest, { length }] of this.#cache) {
      if (this.#cached <= CACHE_BYTES) break;
      this.#cache.delete(oldest);
      this.#cached -= length;
    }
  }
}
