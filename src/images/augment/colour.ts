// colour.ts: operations that change the colours of a picture but do not move its pixels, bit for bit as Pillow's ImageOps and
// ImageEnhance do them. It chooses nothing: the caller gives the parameters.

import type { Pixels } from '../resize.ts';

/** Replaces each value by its entry in a table: one table for each channel, or one for all. */
function throughTables({ data, width, height }: Pixels, tables: readonly Uint8Array[]): Pixels {
  const [red, green, blue] = [tables[0]!, tables[1] ?? tables[0]!, tables[2] ?? tables[0]!];
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    result[i] = red[data[i]!]!;
    result[i + 1] = green[data[i + 1]!]!;
    result[i + 2] = blue[data[i + 2]!]!;
  }
  return { data: result, width, height };
}

function tableOf(value: (level: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, level) => Math.min(255, Math.max(0, value(level))));
}

/** Keeps the upper `bits` of each value, 1 … 8. */
export function posterize(pixels: Pixels, bits: number): Pixels {
  const mask = 256 - 2 ** (8 - bits);
  return throughTables(pixels, [tableOf((level) => level & mask)]);
}

/** Inverts values of at least `threshold`. */
export function solarize(pixels: Pixels, threshold: number): Pixels {
  return throughTables(pixels, [tableOf((level) => (level < threshold ? level : 255 - level))]);
}

function histograms({ data }: Pixels): readonly [Uint32Array, Uint32Array, Uint32Array] {
  const [red, green, blue] = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)];
  for (let i = 0; i < data.length; i += 3) {
    red[data[i]!]! += 1;
    green[data[i + 1]!]! += 1;
    blue[data[i + 2]!]! += 1;
  }
  return [red, green, blue];
}

/** Stretches each channel so that its darkest value is 0 and its brightest 255. */
export function autocontrast(pixels: Pixels): Pixels {
  const tables = histograms(pixels).map((counts) => {
    const low = counts.findIndex((count) => count > 0);
    const high = counts.findLastIndex((count) => count > 0);
    if (high <= low) return tableOf((level) => level);
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return tableOf((level) => Math.trunc(level * scale + offset));
  });
  return throughTables(pixels, tables);
}

/** Spreads each channel's values so that all are about equally frequent. */
export function equalize(pixels: Pixels): Pixels {
  const tables = histograms(pixels).map((counts) => {
    const used = counts.filter((count) => count > 0);
    const step = Math.floor((used.reduce((a, b) => a + b, 0) - used.at(-1)!) / 255);
    if (used.length < 2 || step === 0) return tableOf((level) => level);
    let sum = Math.floor(step / 2);
    return tableOf((level) => {
      const value = Math.floor(sum / step);
      sum += counts[level]!;
      return value;
    });
  });
  return throughTables(pixels, tables);
}

/** Pillow's 'L': 0.299 R + 0.587 G + 0.114 B in 16 fractional bits. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** Pillow's blend: factor 0 gives `from`, 1 gives `to`, others go beyond them; in float32, cut to whole numbers. */
function blended(from: number, to: number, factor: number): number {
  const value = Math.fround(from + Math.fround(factor * (to - from)));
  return value <= 0 ? 0 : value >= 255 ? 255 : value; // an array of bytes cuts the fraction off
}

/** Factor 0 gives black, 1 the picture. */
export function brightness(pixels: Pixels, factor: number): Pixels {
  const f = Math.fround(factor);
  return throughTables(pixels, [tableOf((level) => blended(0, level, f))]);
}

/** Factor 0 gives the mean grey, 1 the picture. */
export function contrast(pixels: Pixels, factor: number): Pixels {
  const { data, width, height } = pixels;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data[i]!, data[i + 1]!, data[i + 2]!);
  const mean = Math.trunc(sum / (width * height) + 0.5);
  const f = Math.fround(factor);
  return throughTables(pixels, [tableOf((level) => blended(mean, level, f))]);
}

/** Factor 0 gives grey, 1 the picture. Pillow calls this Color, torchvision saturation. */
export function saturation({ data, width, height }: Pixels, factor: number): Pixels {
  const f = Math.fround(factor);
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma(data[i]!, data[i + 1]!, data[i + 2]!);
    for (let c = i; c < i + 3; c++) result[c] = blended(grey, data[c]!, f);
  }
  return { data: result, width, height };
}

/** Factor 0 gives a smoothed picture, 1 the picture, 2 a sharpened one. The outermost pixels stay as they are. */
export function sharpness({ data, width, height }: Pixels, factor: number): Pixels {
  const f = Math.fround(factor);
  const result = data.slice();
  const stride = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + 3; i < (y + 1) * stride - 3; i++) {
      let sum = 4 * data[i]!; // the middle counts 5 times
      for (let row = i - stride; row <= i + stride; row += stride)
        sum += data[row - 3]! + data[row]! + data[row + 3]!;
      // The whole number nearest to sum / 13, which never lies half way between two.
      result[i] = blended(Math.floor((2 * sum + 13) / 26), data[i]!, f);
    }
  }
  return { data: result, width, height };
}

/**
 * Turns the hue by `turn`, -0.5 … 0.5 of the colour circle, by way of Pillow's 8-bit HSV, as torchvision does.
 * Source: Pillow's conversion, after Python's colorsys.
 */
export function hue({ data, width, height }: Pixels, turn: number): Pixels {
  const shift = Math.trunc(turn * 255) & 255;
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
    const value = Math.max(red, green, blue);
    const spread = value - Math.min(red, green, blue);
    // Grey has no hue, so a turn does not change it.
    const saturation = spread === 0 ? 0 : Math.trunc(Math.fround(Math.fround(spread / value) * 255));
    if (saturation === 0) {
      result.fill(value, i, i + 3);
      continue;
    }
    const angle = (hueOf(red, green, blue) + shift) & 255;
    result.set(rgbFromHsv(angle, saturation, value), i);
  }
  return { data: result, width, height };
}

/** 0 … 255 around the circle. */
function hueOf(red: number, green: number, blue: number): number {
  const largest = Math.max(red, green, blue);
  const spread = largest - Math.min(red, green, blue);
  const [rc, gc, bc] = [red, green, blue].map((value) => Math.fround((largest - value) / spread)) as [
    number,
    number,
    number,
  ];
  const sextant = largest === red ? bc - gc : largest === green ? 2 + rc - bc : 4 + gc - rc;
  const share = Math.fround((Math.fround(sextant) / 6 + 1) % 1);
  return Math.min(255, Math.trunc(share * 255));
}

function rgbFromHsv(angle: number, saturation: number, value: number): readonly [number, number, number] {
  const place = Math.fround((angle * 6) / 255);
  const sector = Math.floor(place);
  const within = Math.fround(place - sector);
  const share = Math.fround(saturation / 255);
  const level = (remove: number) => Math.round(Math.fround(value * (1 - remove)));
  const low = level(share);
  const falling = level(Math.fround(share * within));
  const rising = level(Math.fround(share * (1 - within)));
  switch (sector % 6) {
    case 0:
      return [value, rising, low];
    case 1:
      return [falling, value, low];
    case 2:
      return [low, value, rising];
    case 3:
      return [low, falling, value];
    case 4:
      return [rising, low, value];
    default:
      return [value, low, falling];
  }
}
