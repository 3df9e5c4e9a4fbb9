// retries.ts: whether a request is sent again, and after how long. Pure, but for the chance that keeps workers from coming back together.

import { randomInt } from 'node:crypto';

/** A request that goes wrong one time in ten then fails once in a hundred million. */
const TRIES = 8;
/** The first pause, doubled at each try up to the longest; each is shortened by chance, so that workers do not come back all at once. */
const FAILED = { first: 100, longest: 5000 } as const;
/** A server that is asked too much is asked less: it has no count of tries, but a time in which it has to answer. */
const THROTTLED = { first: 500, longest: 30_000 } as const;
/** For one request of which a server says again and again that it has too much to do, in milliseconds. */
export const THROTTLED_MS = 300_000;

/** What went wrong with the last try. */
export interface FailedTry {
  /** How many there were of its kind, throttled or not, this one among them. */
  readonly tries: number;
  /** Milliseconds since the first one. */
  readonly spent: number;
  /** Whether the server said that it is asked too much. */
  readonly isThrottled: boolean;
  /** How long it wants to be left alone, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/** Milliseconds until the next try; undefined where there is none. */
export function pauseAfter({ tries, spent, isThrottled, retryAfter = 0 }: FailedTry): number | undefined {
  if (!isThrottled) return tries >= TRIES ? undefined : chance(longestOf(FAILED, tries), 0.5);
  // "Full jitter": from nothing to the longest, which spreads many workers best.
  const pause = retryAfter + chance(longestOf(THROTTLED, tries), 0);
  return spent + pause > THROTTLED_MS ? undefined : pause;
}

const longestOf = ({ first, longest }: { readonly first: number; readonly longest: number }, tries: number) =>
  Math.min(longest, first * 2 ** (tries - 1));

/** @param from the smallest share of it */
const chance = (longest: number, from: number) => randomInt(Math.ceil(longest * from), longest + 1);
