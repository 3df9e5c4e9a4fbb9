// heat.ts: a map of what spoke for a class, laid over the picture as heat: nothing where it is 0 or below, then yellow, then red.

import type { Pixels, Rectangle, Size } from './resize.ts';

/** A map of any size, and where it lies on the picture. */
export interface Heat {
  readonly map: Float32Array;
  readonly shape: readonly [rows: number, columns: number];
  /** In pixels of the picture at its own size. */
  readonly region: Rectangle;
}

/** The colours of half the heat and of all of it. Yellow is light and red dark, which eyes tell apart that do not see their hues. */
const WARM = [255, 214, 10] as const;
const HOT = [190, 0, 38] as const;

/** How much of the picture the hottest place hides. */
const MOST = 0.72;

/** Below this share of the hottest place nothing is drawn: a map is never quite 0. */
const FAINT = 0.08;

/** @param source the picture's own size; `picture` is the same at any scale */
export function withHeat(picture: Pixels, source: Size, { map, shape, region }: Heat): Pixels {
  const { data, width, height } = picture;
  const heated = Uint8Array.from(data);
  const result = { data: heated, width, height };
  const largest = map.reduce((most, value) => Math.max(most, value), 0);
  if (largest === 0) return result;
  const [rows, columns] = shape;
  const down = alongSide(height, source.height, { from: region.top, length: region.height });
  const across = alongSide(width, source.width, { from: region.left, length: region.width });
  const values = upsampled(
    { map: map.map((value) => Math.max(0, value) / largest), shape },
    down.seen.map((place) => place * rows),
    across.seen.map((place) => place * columns),
  );
  let at = 0;
  for (let row = down.first; row < down.first + down.seen.length; row++) {
    for (let column = across.first; column < across.first + across.seen.length; column++) {
      mix(heated, (row * width + column) * 3, values[at++]!);
    }
  }
  return result;
}

/** The pixels of one side that the network saw, and the place of their middles on what it saw, 0…1. */
function alongSide(
  pixels: number,
  source: number,
  { from, length }: { readonly from: number; readonly length: number },
): { readonly first: number; readonly seen: Float64Array } {
  const places = Float64Array.from({ length: pixels }, (_, i) => (((i + 0.5) * source) / pixels - from) / length); // prettier-ignore
  const first = places.findIndex((place) => place >= 0);
  const seen = places.filter((place) => place >= 0 && place <= 1);
  return { first: Math.max(0, first), seen };
}

function mix(data: Uint8Array, at: number, value: number): void {
  const heat = Math.min(1, Math.max(0, (value - FAINT) / (1 - FAINT)));
  const share = MOST * Math.min(1, 2 * heat) * (0.5 + 0.5 * heat);
  const towards = Math.max(0, 2 * heat - 1);
  for (let c = 0; c < 3; c++) {
    const colour = WARM[c]! + (HOT[c]! - WARM[c]!) * towards;
    data[at + c] = Math.round(data[at + c]! * (1 - share) + colour * share);
  }
}

/**
 * The map between its cells, bicubic (Keys, a = -0.5); beyond its edge it goes on as it ends.
 * @param down places along the map's rows, in cells: 0.5 is the middle of the first one. @param across the same along its columns
 * @returns `[down, across]`
 */
export function upsampled(
  { map, shape: [rows, columns] }: Pick<Heat, 'map' | 'shape'>,
  down: Float64Array,
  across: Float64Array,
): Float32Array {
  const [vertical, horizontal] = [down, across].map((places) => Array.from(places, tapsAt));
  const result = new Float32Array(down.length * across.length);
  const wide = new Float64Array(columns);
  vertical!.forEach((row, y) => {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      row.weights.forEach((weight, i) => {
        sum += weight * map[inside(row.first + i, rows) * columns + column]!;
      });
      wide[column] = sum;
    }
    horizontal!.forEach(({ first, weights }, x) => {
      let sum = 0;
      for (let i = 0; i < TAPS; i++) sum += weights[i]! * wide[inside(first + i, columns)]!;
      result[y * across.length + x] = sum;
    });
  });
  return result;
}

const TAPS = 4;

/** The four cells around a place, and what each counts there. */
function tapsAt(place: number): { readonly first: number; readonly weights: readonly number[] } {
  const first = Math.floor(place - 0.5) - 1;
  const weights = Array.from({ length: TAPS }, (_, i) => cubic(Math.abs(place - 0.5 - first - i)));
  return { first, weights };
}

function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

const inside = (cell: number, cells: number) => Math.min(cells - 1, Math.max(0, cell));
