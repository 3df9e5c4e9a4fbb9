// gif.ts: the first frame of a GIF as a separate GIF, and its place on the canvas, so that it decodes to what Pillow's
// convert('RGB') gives: transparent pixels have their colour from the palette. Source: GIF89a, sections 18 to 23.

export interface GifFrame {
  /** The size of the canvas. */
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  /** The colour of the canvas where the frame does not cover it, as RGB. */
  readonly background: readonly [number, number, number];
  /** A GIF of the frame alone, without transparency. */
  readonly bytes: Buffer;
}

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;
const TABLE_BYTES = 3 * 256;

/** Undefined when the file has no complete frame. */
export function readGif(bytes: Buffer): GifFrame | undefined {
  if (bytes.length < 13) return undefined;
  const [packed, globalBegin] = [bytes[10]!, 13];
  const globalBytes = tableBytes(packed);
  let at = globalBegin + globalBytes;
  let transparent: number | undefined;
  while (at < bytes.length && bytes[at] === EXTENSION) {
    if (bytes[at + 1] === GRAPHIC_CONTROL && bytes[at + 2] === 4 && at + 7 < bytes.length) {
      transparent = bytes[at + 3]! & 1 ? bytes[at + 6]! : undefined;
    }
    at = afterBlocks(bytes, at + 2);
  }
  if (bytes[at] !== IMAGE || at + 10 >= bytes.length) return undefined;
  const [left, top, across, down] = [1, 3, 5, 7].map((offset) => bytes.readUInt16LE(at + offset)) as [number, number, number, number]; // prettier-ignore
  const localBytes = tableBytes(bytes[at + 9]!);
  const data = at + 10 + localBytes;
  const end = afterBlocks(bytes, data + 1);
  const tableBegin = localBytes > 0 ? at + 10 : globalBegin;
  const table = fullTable(bytes.subarray(tableBegin, tableBegin + (localBytes || globalBytes)));
  const screen = Buffer.from(bytes.subarray(0, 13));
  screen.writeUInt16LE(across, 6);
  screen.writeUInt16LE(down, 8);
  screen.set([0xf7, 0], 10); // a global table of 256 colours
  const frame = Buffer.from(bytes.subarray(at, at + 10));
  frame.fill(0, 1, 5);
  frame[9] = frame[9]! & 0x40; // interlaced or not; no table of its own
  const entry = 3 * (transparent ?? 0);
  return {
    width: Math.max(bytes.readUInt16LE(6), left + across),
    height: Math.max(bytes.readUInt16LE(8), top + down),
    left,
    top,
    background: [table[entry]!, table[entry + 1]!, table[entry + 2]!],
    bytes: Buffer.concat([screen, table, frame, bytes.subarray(data, end), Buffer.from([0x3b])]),
  };
}

function tableBytes(packed: number): number {
  return packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0;
}

/** Colours missing from a short table are greys, because Pillow's palettes start as greys. */
function fullTable(table: Buffer): Buffer {
  const full = Buffer.from(Array.from({ length: TABLE_BYTES }, (_, i) => Math.floor(i / 3)));
  table.copy(full);
  return full;
}

/** The position after a chain of sub-blocks, each preceded by its length; an empty one ends the chain. */
function afterBlocks(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
  return at + 1;
}
