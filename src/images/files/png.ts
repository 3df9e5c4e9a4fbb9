// png.ts: reads a PNG's header, and removes texts that would unpack to gigabytes. It decodes nothing.
// Source: W3C PNG (Third Edition), 5 and 11.

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits a sample. */
  readonly depth: number;
  /** Parts of it may be transparent. */
  readonly hasAlpha: boolean;
  /** Stored in seven passes over the whole picture. */
  readonly isInterlaced: boolean;
  /** The file, without chunks beside the picture that are too large. */
  readonly bytes: Buffer;
}

/** Deflate expands at most 1032 times: more packed text than this could take more than 32 MB. The text is never used. */
const MAX_PACKED_BYTES = 32 * 1024;
/** EXIF in a JPEG cannot be longer; a longer chunk is not read for its orientation. */
const MAX_EXIF_BYTES = 64 * 1024;

const PACKED = [0x7a545874, 0x69545874, 0x69434350]; // zTXt, iTXt, iCCP
const EXIF = 0x65584966;
const HEADER = 0x49484452;
const TRANSPARENCY = 0x74524e53;
/** The bit of the colour type that says there is a channel of alpha. */
const ALPHA = 4;
const END = 0x49454e44;

/** Undefined when it does not begin as a PNG does. */
export function readPng(bytes: Buffer): PngHeader | undefined {
  if (bytes.length < 33 || bytes.readUInt32BE(12) !== HEADER) return undefined;
  let packed = 0;
  let exif = 0;
  let hasAlpha = (bytes[25]! & ALPHA) !== 0;
  for (const { type, length } of chunksOf(bytes)) {
    if (PACKED.includes(type)) packed += length;
    else if (type === EXIF) exif += length;
    else if (type === TRANSPARENCY) hasAlpha = true;
  }
  const unwanted = [...(packed > MAX_PACKED_BYTES ? PACKED : []), ...(exif > MAX_EXIF_BYTES ? [EXIF] : [])];
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    depth: bytes[24]!,
    hasAlpha,
    isInterlaced: bytes[28] === 1,
    bytes: unwanted.length === 0 ? bytes : without(bytes, unwanted),
  };
}

interface Chunk {
  readonly type: number;
  readonly begin: number;
  readonly length: number;
}

/** Chunks up to IEND, or up to the chunk in which the file breaks off. */
function* chunksOf(bytes: Buffer): Generator<Chunk, void, undefined> {
  for (let begin = 8; begin + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(begin);
    const type = bytes.readUInt32BE(begin + 4);
    if (begin + 12 + length > bytes.length) return;
    yield { type, begin, length };
    if (type === END) return;
    begin += 12 + length;
  }
}

function without(bytes: Buffer, types: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { type, begin, length } of chunksOf(bytes)) {
    if (!types.includes(type)) continue;
    parts.push(bytes.subarray(from, begin));
    from = begin + 12 + length;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}
