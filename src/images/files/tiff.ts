// tiff.ts: reads the tags of a TIFF's first picture and decodes nothing. Sources: TIFF 6.0, sections 2 and 8; BigTIFF.

export interface Tiff {
  /** A tag's numbers; undefined where it is absent or of another type. */
  numbers(tag: number): readonly number[] | undefined;
  /** A tag's only number, or its default. */
  number(tag: number, fallback: number): number;
  /** The file with the only number of some tags replaced; absent tags stay absent. */
  withTags(tags: Readonly<Record<number, number>>): Buffer;
}

export const Tag = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  planar: 284,
  predictor: 317,
  tileWidth: 322,
  sampleFormat: 339,
  lumaCoefficients: 529,
  subsampling: 530,
  blackAndWhite: 532,
} as const;

interface Entry {
  readonly at: number;
  readonly type: number;
  readonly count: number;
}

/** The size in bytes of each type of number that is read: BYTE, SHORT, LONG, RATIONAL, LONG8. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 5: 8, 16: 8 };
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;

/** Only short lists are read here. */
const MAX_NUMBERS = 16;

/** Undefined when the file has no directory of tags. */
export function readTiff(bytes: Buffer): Tiff | undefined {
  if (bytes.length < 16) return undefined;
  const isLittle = bytes[0] === 0x49;
  const isBig = bytes[isLittle ? 2 : 3] === 43;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => view.getUint16(at, isLittle);
  const u32 = (at: number) => view.getUint32(at, isLittle);
  const u64 = (at: number) => Number(view.getBigUint64(at, isLittle));
  const [size, countBytes, field] = isBig ? ([20, 8, 8] as const) : ([12, 2, 4] as const);
  const word = isBig ? u64 : u32;
  const directory = isBig ? u64(8) : u32(4);
  if (directory + countBytes > bytes.length) return undefined;
  const count = isBig ? u64(directory) : u16(directory);
  const entries = new Map<number, Entry>();
  for (let i = 0; i < count; i++) {
    const at = directory + countBytes + i * size;
    if (at + size > bytes.length) break;
    entries.set(u16(at), { at, type: u16(at + 2), count: word(at + 4) });
  }
  const numbers = (tag: number): readonly number[] | undefined => {
    const entry = entries.get(tag);
    const each = TYPE_BYTES[entry?.type ?? 0];
    if (!entry || each === undefined || entry.count < 1) return undefined;
    const length = Math.min(entry.count, MAX_NUMBERS);
    const inline = entry.at + 4 + field;
    const begin = entry.count * each <= field ? inline : word(inline);
    if (begin + length * each > bytes.length) return undefined;
    const read = { 1: (at: number) => bytes[at]!, 2: u16, 4: u32, 8: u64 }[each]!;
    return Array.from({ length }, (_, i) => {
      const at = begin + i * each;
      return entry.type === RATIONAL ? u32(at) / u32(at + 4) : read(at);
    });
  };
  return {
    numbers,
    number: (tag, fallback) => numbers(tag)?.[0] ?? fallback,
    withTags(tags) {
      const copy = Buffer.from(bytes);
      const out = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
      for (const [tag, value] of Object.entries(tags)) {
        const entry = entries.get(Number(tag));
        if (!entry) continue;
        const { at } = entry;
        out.setUint16(at + 2, value < 65_536 ? SHORT : LONG, isLittle);
        if (isBig) out.setBigUint64(at + 4, 1n, isLittle);
        else out.setUint32(at + 4, 1, isLittle);
        out.setUint32(at + 4 + field, 0, isLittle);
        if (isBig) out.setUint32(at + 8 + field, 0, isLittle);
        if (value < 65_536) out.setUint16(at + 4 + field, value, isLittle);
        else out.setUint32(at + 4 + field, value, isLittle);
      }
      return copy;
    },
  };
}
