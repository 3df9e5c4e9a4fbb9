// jpeg.ts: reads a JPEG's frame header and decodes nothing. Source: ITU-T T.81, B.2.2.

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** Colour components: 1, 3 or 4. */
  readonly components: number;
  /** Passes over the whole picture; 1 unless it is progressive. */
  readonly scans: number;
}

/** Undefined where there is no frame header. */
export function readJpeg(bytes: Buffer): JpegHeader | undefined {
  let at = 2;
  while (at + 9 < bytes.length) {
    const marker = bytes[at + 1]!;
    // Decoders pass over what stands between the segments, and over padding of 0xff before a marker.
    if (bytes[at] !== 0xff || marker === 0xff) {
      const next = bytes.indexOf(0xff, at + 1);
      if (next < 0) return undefined;
      at = next;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const isProgressive = (marker & 3) === 2;
      return {
        width: bytes.readUInt16BE(at + 7),
        height: bytes.readUInt16BE(at + 5),
        components: bytes[at + 9]!,
        scans: isProgressive ? scansFrom(bytes, at) : 1,
      };
    }
    at += 2 + (isAlone(marker) ? 0 : bytes.readUInt16BE(at + 2));
  }
  return undefined;
}

/** Markers without a segment: a stuffed 0xff, TEM, restarts, the beginning and the end. */
const isAlone = (marker: number) => marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd9);

const SCAN = Buffer.from([0xff, 0xda]);

function scansFrom(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(SCAN, from); at >= 0; at = bytes.indexOf(SCAN, at + 2)) count += 1;
  return count;
}
