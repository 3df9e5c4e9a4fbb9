// png.ts: what a PNG says of itself, and the same picture without texts that would unfold into gigabytes. Decodes nothing.
// Source: W3C PNG (Third Edition), 5 and 11.

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits a sample. */
  readonly depth: number;
  /** The file, or the file without what is too large beside the picture. */
  readonly bytes: Buffer;
}

/** Deflate unfolds at most 1032 times: more packed text than this could take more than 32 MB. None of it is looked at. */
const MAX_PACKED_BYTES = 32 * 1024;
/** EXIF in a JPEG cannot be longer; more is no orientation. */
const MAX_EXIF_BYTES = 64 * 1024;

const PACKED = [0x7a545874, 0x69545874, 0x69434350]; // zTXt, iTXt, iCCP
const EXIF = 0x65584966;
const HEADER = 0x49484452;
const END = 0x49454e44;

/** Undefined when it does not begin as a PNG does. */
export function readPng(bytes: Buffer): PngHeader | undefined {
  if (bytes.length < 33 || bytes.readUInt32BE(12) !== HEADER) return undefined;
  let packed = 0;
  let exif = 0;
  for (const { type, length } of chunksOf(bytes)) {
    if (PACKED.includes(type)) packed += length;
    else if (type === EXIF) exif += length;
  }
  const unwanted = [...(packed > MAX_PACKED_BYTES ? PACKED : []), ...(exif > MAX_EXIF_BYTES ? [EXIF] : [])];
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    depth: bytes[24]!,
    bytes: unwanted.length === 0 ? bytes : without(bytes, unwanted),
  };
}

interface Chunk {
  readonly type: number;
  readonly begin: number;
  readonly length: number;
}

/** Up to IEND, or to a chunk that the file ends in. */
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
