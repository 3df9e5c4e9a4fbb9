// strips.ts: a large picture of which parts can be decoded, decoded and resized strip by strip: a few hundred megabytes less
// than the whole. Most decoders begin every strip at the beginning of the file, so that small pictures are quicker as a whole.

import { BYTES_PER_PIXEL, MOST_BYTES } from './picture-memory.ts';
import { stripResize, stripsOf, type Pixels, type Rectangle, type Resize, type Size } from './resize.ts';

/** Pictures with more pixels are read in strips; under a small limit of memory, all that do not fit as a whole. */
const MAX_WHOLE_PIXELS = Math.min(64 * 1024 * 1024, MOST_BYTES / BYTES_PER_PIXEL);
/** Pixels of a strip: 48 MB. Two or three strips are in memory until the garbage collector comes. */
const STRIP_PIXELS = 16 * 1024 * 1024;
/** What is needed. */
export const STRIPS_BYTES = 230e6;
/** The share of the memory budget. It is more than is needed, so that small machines read one such picture at a time. */
export const STRIPS_SHARE_BYTES = 600 * 1024 ** 2;

export const isReadInStrips = (width: number, height: number) => width * height > MAX_WHOLE_PIXELS;

/** A part of a picture as it is stored, and what turns it the right way up. */
export interface StoredPart extends Rectangle {
  /** Degrees, clockwise. */
  readonly turn: number;
  /** Left and right change places, before it is turned. */
  readonly isMirrored: boolean;
}

/** The size of a picture as it is stored, and EXIF's orientation where it has to be turned. */
interface Stored extends Size {
  readonly orientation?: number | undefined;
}

/** How a picture is decoded in parts. */
export interface Strips {
  readonly stored: () => Promise<Stored>;
  readonly decode: (part: StoredPart) => Promise<Pixels>;
}

/** EXIF's orientations 1 to 8. */
const ORIENTATIONS = [
  [0, false],
  [0, true],
  [180, false],
  [180, true],
  [270, true],
  [90, false],
  [90, true],
  [270, false],
] as const;

export async function resizeStrips(
  strips: Strips,
  resizesFor: (source: Size) => readonly Resize[],
  stripPixels = STRIP_PIXELS,
): Promise<Size & { readonly resized: readonly Pixels[] }> {
  const stored = await strips.stored();
  const [turn, isMirrored] = ORIENTATIONS[(stored.orientation ?? 1) - 1] ?? ORIENTATIONS[0];
  const isOnItsSide = turn === 90 || turn === 270;
  const source = isOnItsSide ? { width: stored.height, height: stored.width } : stored;
  const resized: Pixels[] = [];
  for (const to of resizesFor(source)) {
    const resize = stripResize(source, to);
    for (const strip of stripsOf(source, to, stripPixels)) {
      const part = unturned(strip, source, turn);
      const left = isMirrored ? stored.width - part.left - part.width : part.left;
      resize.add(await strips.decode({ ...part, left, turn, isMirrored }), strip);
    }
    resized.push(resize.finish());
  }
  return { resized, width: source.width, height: source.height };
}

/** Where a part of the turned picture lies before it is turned. */
function unturned(part: Rectangle, source: Size, turn: number): Rectangle {
  const { left, top, width, height } = part;
  const right = source.width - left - width;
  const bottom = source.height - top - height;
  switch (turn) {
    case 90:
      return { left: top, top: right, width: height, height: width };
    case 180:
      return { left: right, top: bottom, width, height };
    case 270:
      return { left: bottom, top: left, width: height, height: width };
    default:
      return part;
  }
}
