// resize.ts: Pillow's bilinear and bicubic resize, exact to the last bit. It makes two passes of a fixed-point convolution, with
// 8 bits between them. The window widens when shrinking (antialiasing). Only the part that a crop keeps is computed. This file
// decides which pixels and weights are used; resize.wat computes the sums.
// Source: the arithmetic of Pillow's ImagingResample for 8-bit pictures (22 fractional bits); Keys' cubic with a = -0.5.

import type { Interpolation } from '../util/preprocessing.ts';
import { openArena, tableSize, type Windows } from './resize-kernels.ts';

/** RGB, row by row: `[height, width, 3]` uint8. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Fractional bits of the weights. */
const PRECISION_BITS = 22;

interface Filter {
  /** Half the window's width, in pixels of the result (of the source when enlarging). */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (signed) => {
      const x = Math.abs(signed);
      const a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    },
  },
};

/** Windows for some of the `outSize` results. */
function windowsFor(
  inSize: number,
  outSize: number,
  { from: first, count }: Span,
  { support, weight }: Filter,
): Windows {
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const reach = support * filterScale;
  const taps = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(count);
  const lengths = new Int32Array(count);
  const weights = new Int32Array(count * taps);
  const exact = new Float64Array(taps);
  const perPixel = 1 / filterScale;
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(inSize, Math.trunc(centre + reach + 0.5));
    let sum = 0;
    for (let j = 0; j < end - start; j++) {
      exact[j] = weight((j + start - centre + 0.5) * perPixel);
      sum += exact[j]!;
    }
    starts[i] = start;
    lengths[i] = end - start;
    for (let j = 0; j < end - start; j++) {
      const value = (sum === 0 ? exact[j]! : exact[j]! / sum) * (1 << PRECISION_BITS);
      weights[i * taps + j] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
  }
  return { starts, lengths, weights, taps };
}

/** Part of a picture along one axis. */
interface Span {
  readonly from: number;
  readonly count: number;
}

/**
 * Resizes to `width` x `height` and returns the part inside `crop`, which must lie within the result.
 * Bit for bit what Pillow's `resize` followed by `crop` gives.
 * @throws AppError IMAGE_TOO_LARGE when the picture does not fit into 4 GiB
 */
export function resizeAndCrop(
  source: Pixels,
  { width, height }: { readonly width: number; readonly height: number },
  crop: Rectangle,
  interpolation: Interpolation,
): Pixels {
  const filter = FILTERS[interpolation];
  const columns: Span = { from: crop.left, count: crop.width };
  const rows: Span = { from: crop.top, count: crop.height };
  // An axis that keeps its size is not touched.
  const across = width === source.width ? undefined : windowsFor(source.width, width, columns, filter);
  const down = height === source.height ? undefined : windowsFor(source.height, height, rows, filter);
  if (!across && !down) return cut(source, columns, rows);

  const sourceColumns = across ? reachOf(across) : columns;
  const sourceRows = down ? reachOf(down) : rows;
  const stride = source.width * 3;
  const resultBytes = crop.width * crop.height * 3;
  const betweenBytes = Math.max(sourceRows.count * crop.width, sourceColumns.count * crop.height) * 3;
  const tableBytes = [across, down].reduce((sum, table) => sum + (table ? tableSize(table) : 0), 0);
  const arena = openArena(sourceRows.count * stride + betweenBytes + resultBytes + tableBytes);
  const pixels = arena.put(
    source.data.subarray(sourceRows.from * stride, (sourceRows.from + sourceRows.count) * stride),
  );
  // The windows count rows and columns of the whole source; `origin` is the address that its first pixel would have.
  const origin = pixels - sourceRows.from * stride;

  let result: number;
  if (down && goesDownFirst(source, width, height)) {
    const flat = arena.down(origin + sourceColumns.from * 3, stride, sourceColumns.count, down);
    const flatStride = sourceColumns.count * 3;
    result = across ? arena.across(flat - sourceColumns.from * 3, flatStride, crop.height, across) : flat;
  } else {
    const narrow = across && arena.across(pixels, stride, sourceRows.count, across);
    if (!down) result = narrow!;
    else if (narrow === undefined) result = arena.down(origin + columns.from * 3, stride, crop.width, down);
    else {
      const narrowStride = crop.width * 3;
      result = arena.down(narrow - sourceRows.from * narrowStride, narrowStride, crop.width, down);
    }
  }
  return { data: arena.take(result, resultBytes), width: crop.width, height: crop.height };
}

/**
 * Which pass Pillow runs first. The order changes the last bit, because the first pass's result is rounded to 8 bits.
 * Found by experiment with Pillow 13.0 on 3,400 random sizes: the vertical pass is first when the height shrinks by more
 * than twice as much as the width.
 */
function goesDownFirst(source: Pixels, width: number, height: number): boolean {
  return source.height > height && source.height - height > 2 * (source.width - width);
}

/** The part of the source that the windows read. */
function reachOf({ starts, lengths }: Windows): Span {
  const last = starts.length - 1;
  const from = starts[0]!;
  return { from, count: starts[last]! + lengths[last]! - from };
}

function cut(source: Pixels, columns: Span, rows: Span): Pixels {
  const length = columns.count * 3;
  const data = new Uint8Array(rows.count * length);
  for (let row = 0; row < rows.count; row++) {
    const from = ((rows.from + row) * source.width + columns.from) * 3;
    data.set(source.data.subarray(from, from + length), row * length);
  }
  return { data, width: columns.count, height: rows.count };
}
