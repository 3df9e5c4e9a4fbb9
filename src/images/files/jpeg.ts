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
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
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
    // 0xff may be repeated as padding before a marker.
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

const SCAN = Buffer.from([0xff, 0xda]);

function scansFrom(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(SCAN, from); at >= 0; at = bytes.indexOf(SCAN, at + 2)) count += 1;
  return count;
}
