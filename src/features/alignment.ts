// alignment.ts: whether two small pictures show the same, one perhaps cropped a little or mirrored: the best correlation of one
// with a window of the other. Different pictures can have similar embeddings; this correlation
// tells them apart.

import { dot } from '../util/dot.ts';

/** Side of the pictures that are compared: both squashed to a square. */
export const ALIGNMENT_SIDE = 96;

/** Side of the grid on which they are compared. */
const GRID = 32;

/** Shares of the side that a crop may have kept, and where in the rest the crop may lie. */
const SCALES = [1, 0.975, 0.95, 0.925, 0.9] as const;
const OFFSETS = [0, 0.5, 1] as const;

/** Pictures that correlate this much as they are. */
const EQUAL = 0.99999;

export interface Alignment {
  /** Pearson's correlation of the grey values, -1…1. */
  readonly correlation: number;
  readonly isMirrored: boolean;
}

/** @param pixels `[96,96,3]` uint8. @returns `[96,96]` grey, smoothed over 3 x 3 pixels, because a grid of 32 reads every third */
export function greyOf(pixels: Uint8Array): Float32Array {
  const side = ALIGNMENT_SIDE;
  const grey = new Float32Array(side * side);
  // Weights of ITU-R BT.601, as Pillow's convert('L') has them.
  for (let i = 0; i < grey.length; i++) {
    grey[i] = 0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!;
  }
  const smooth = new Float32Array(grey.length);
  const inside = (at: number) => Math.min(side - 1, Math.max(0, at));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) sum += grey[inside(y + dy) * side + inside(x + dx)]!;
      }
      smooth[y * side + x] = sum / 9;
    }
  }
  return smooth;
}

/** A picture as it is compared: standardized, so that a product is a correlation. */
export interface Views {
  /** Windows on the grid, the whole picture first. */
  readonly windows: readonly Float32Array[];
  /** The mirror image of the whole. */
  readonly mirrored: Float32Array;
}

/** @param grey of `greyOf` */
export function viewsOf(grey: Float32Array): Views {
  const windows = WINDOWS.map((window) => standardized(windowOf(grey, window)));
  return { windows, mirrored: mirrorOf(windows[0]!) };
}

/** The best correlation of any window of one, straight or mirrored, with the whole of the other. */
export function align(a: Views, b: Views): Alignment {
  const [wholeA, wholeB] = [a.windows[0]!, b.windows[0]!];
  const asTheyAre = dot(wholeA, wholeB);
  // No window and no mirror image correlates noticeably more.
  if (asTheyAre >= EQUAL) return { correlation: asTheyAre, isMirrored: false };
  const straight = Math.max(best(a.windows, wholeB), best(b.windows, wholeA));
  // Windows lie alike on both sides: those of a mirror image against a picture are the picture's own against the mirror image.
  const mirror = Math.max(best(a.windows, b.mirrored), best(b.windows, a.mirrored));
  return { correlation: Math.max(straight, mirror), isMirrored: mirror > straight };
}

function best(windows: readonly Float32Array[], wanted: Float32Array): number {
  return windows.reduce((most, window) => Math.max(most, dot(window, wanted)), -1);
}

interface Window {
  /** Shares of the side. */
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

const WINDOWS: readonly Window[] = SCALES.flatMap((scale) => {
  const offsets = scale === 1 ? [0] : OFFSETS;
  return offsets.flatMap((x) => offsets.map((y) => ({ left: x * (1 - scale), top: y * (1 - scale), scale })));
});

/** A window on the grid, bilinear. */
function windowOf(grey: Float32Array, { left, top, scale }: Window): Float32Array {
  const side = ALIGNMENT_SIDE;
  const places = (from: number) =>
    Array.from({ length: GRID }, (_, i) => {
      const at = Math.min(side - 1, Math.max(0, (from + (scale * (i + 0.5)) / GRID) * side - 0.5));
      const low = Math.min(side - 2, Math.floor(at));
      return { low, share: at - low };
    });
  const [columns, rows] = [places(left), places(top)];
  const values = new Float32Array(GRID * GRID);
  let to = 0;
  for (const { low: y, share: v } of rows) {
    for (const { low: x, share: u } of columns) {
      const at = y * side + x;
      const above = grey[at]! * (1 - u) + grey[at + 1]! * u;
      const below = grey[at + side]! * (1 - u) + grey[at + side + 1]! * u;
      values[to++] = above * (1 - v) + below * v;
    }
  }
  return values;
}

/** Mean 0 and length 1; all zeros where there is nothing to see. */
function standardized(values: Float32Array): Float32Array {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
  return length > 1e-6 ? centred.map((value) => value / length) : centred.fill(0);
}

/** @param values `[32,32]` */
function mirrorOf(values: Float32Array): Float32Array {
  return values.map((_, at) => values[at - (at % GRID) + (GRID - 1 - (at % GRID))]!);
}
