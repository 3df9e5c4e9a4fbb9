// affine.ts: numbers as bytes: x is about scale (q - zero), q from 0 to 255. Pure functions.

/** The numbers that a tensor takes, from the lowest to the highest. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface Affine {
  /** Of one step, above 0. */
  readonly scale: number;
  /** The byte that stands for 0, which is always exact: zeros of the padding are written with it. */
  readonly zero: number;
}

/** Largest byte. */
const LEVELS = 255;

/** The bytes of a range, which is widened to hold 0. A tensor of zeros alone gets a scale of 1. */
export function affineOf({ low, high }: Range): Affine {
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  // Scales are float32 in the network: the zero is computed from what is really there.
  const scale = Math.fround((most - least) / LEVELS) || 1;
  return { scale, zero: Math.min(LEVELS, Math.round((0 - least) / scale)) };
}

/** The byte of a number. Numbers outside the range get the byte of its end. */
export function toByte(x: number, { scale, zero }: Affine): number {
  return Math.max(0, Math.min(LEVELS, Math.round(x / scale) + zero));
}

export function fromByte(byte: number, { scale, zero }: Affine): number {
  return scale * (byte - zero);
}
