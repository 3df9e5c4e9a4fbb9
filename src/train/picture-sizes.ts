// picture-sizes.ts: smaller pictures first (progressive resizing): which size the pictures of an epoch have. Pure functions of where the
// run stands, so that a run that goes on sees the same pictures.

/** Epochs, counted from 0. */
export interface Span {
  /** The first one; above 0 where a finished run went on with more epochs. */
  readonly begin: number;
  /** Of the whole run. */
  readonly epochs: number;
}

/**
 * @param sides in pixels, one after the other, each for an equal share of the epochs. A finished run that goes on does so with the last one
 * @returns that of the epoch
 */
export function sideInEpoch(sides: readonly number[], epoch: number, { begin, epochs }: Span): number {
  const place = begin > 0 ? sides.length - 1 : Math.floor((epoch * sides.length) / epochs);
  return sides[Math.min(place, sides.length - 1)]!;
}

/** The first epoch with pictures of the last size. */
export function lastSideFrom(sides: readonly number[], { begin, epochs }: Span): number {
  return begin > 0 ? begin : Math.ceil(((sides.length - 1) * epochs) / sides.length);
}
