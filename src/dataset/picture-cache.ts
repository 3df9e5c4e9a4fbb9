// picture-cache.ts: small pictures in memory, the least recently used let go first. Bounded by bytes.

import type { Pixels } from '../images/resize.ts';

export interface PictureCache {
  get(key: string): Pixels | undefined;
  set(key: string, picture: Pixels): void;
  /** Held now. */
  readonly bytes: number;
}

/** @param limit bytes of pixels held at most */
export function pictureCache(limit: number): PictureCache {
  // A Map keeps the order of insertion: the first is the one that nobody asked for longest.
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
