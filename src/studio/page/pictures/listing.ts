// listing.ts: a list of pictures of any length, fetched a page at a time. After a change of the folder the old pages are shown until
// the new ones are there.

import type { Picture, PicturePage } from '../contract.ts';

/** A page that could not be had is not asked for again before. */
const AGAIN_MS = 2000;

export interface ListingOptions {
  readonly fetchPage: (page: number) => Promise<PicturePage>;
  readonly pageSize: number;
  readonly onChange: () => void;
  readonly onTrouble: (error: unknown) => void;
}

export class Listing {
  readonly #options: ListingOptions;
  readonly #pages = new Map<number, readonly Picture[]>();
  #fresh = new Set<number>();
  #asked = new Map<number, Promise<void>>();
  #generation = 0;
  #total: number | undefined;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** Undefined before the first answer. */
  get total(): number | undefined {
    return this.#total;
  }

  /** Undefined where it is not known yet. */
  at(index: number): Picture | undefined {
    const { pageSize } = this.#options;
    if (this.#total === undefined || index < 0 || index >= this.#total) return undefined;
    return this.#pages.get(Math.floor(index / pageSize))?.[index % pageSize];
  }

  /** Asks for what is not known of these places. @param end not among them */
  need(first: number, end: number): void {
    this.#ask(first, end).catch(() => {
      // It was told where it happened.
    });
  }

  /** The pictures at these places, all of them. @param end not among them */
  async between(first: number, end: number): Promise<readonly Picture[]> {
    await this.#ask(first, end);
    const indices = Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
    return indices.map((index) => this.at(index)).filter((picture) => picture !== undefined);
  }

  /** The folder has changed: what is known is old. */
  expire(): void {
    this.#generation++;
    this.#fresh = new Set();
    this.#asked = new Map();
    this.#options.onChange();
  }

  async #ask(first: number, end: number): Promise<void> {
    const { pageSize } = this.#options;
    const pages: Promise<void>[] = [];
    const last = Math.max(first, end - 1);
    for (let page = Math.floor(first / pageSize); page <= Math.floor(last / pageSize); page++) {
      if (this.#fresh.has(page)) continue;
      const asked = this.#asked.get(page) ?? this.#fetch(page, this.#generation);
      this.#asked.set(page, asked);
      pages.push(asked);
    }
    await Promise.all(pages);
  }

  async #fetch(page: number, generation: number): Promise<void> {
    const { fetchPage, onChange, onTrouble } = this.#options;
    try {
      const { total, pictures } = await fetchPage(page);
      // An answer from before a change is better than none.
      if (generation !== this.#generation && this.#pages.has(page)) return;
      this.#pages.set(page, pictures);
      this.#total = total;
      if (generation === this.#generation) this.#fresh.add(page);
      onChange();
      this.#forget(page, generation);
    } catch (error) {
      onTrouble(error);
      setTimeout(() => {
        this.#forget(page, generation);
        onChange();
      }, AGAIN_MS);
      throw error;
    }
  }

  #forget(page: number, generation: number): void {
    if (generation === this.#generation) this.#asked.delete(page);
  }
}
