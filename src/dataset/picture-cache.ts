// picture-cache.ts: keeps small pictures in memory and drops the least recently used first. It is bounded by bytes.

import type { Pixels } from '../images/resize.ts';

export interface PictureCache {
  get(key: string): Pixels | undefined;
  set(key: string, picture: Pixels): void;
  /** Bytes held now. */
  readonly bytes: number;
}

/** @param limit the most bytes of pixels to hold */
export function pictureCache(limit: number): PictureCache {
  // A Map keeps the order of insertion, so the first entry is the least recently used.
  const held = new Map<string, Pixels>();
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    get(key) {
      const picture = held.get(key);
      if (!picture) return undefined;
      held.delete(key);
      held.set(key, picture);
      return picture;
    },
    set(key, picture) {
      if (picture.data.length > limit) return;
      bytes += picture.data.length - (held.get(key)?.data.length ?? 0);
      held.delete(key);
      held.set(key, picture);
      for (const [oldest, { data }] of held) {
        if (bytes <= limit) break;
        held.delete(oldest);
        bytes -= data.length;
      }
    },
  };
}
