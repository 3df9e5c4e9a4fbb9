// bombs.ts: small files that ask for much time or memory, made here; each is described by what it claims or unfolds to.

import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { p, storedZip, torchZip } from './torch-file.ts';
import sharp from 'sharp';

const MB = 1024 ** 2;

/** A PNG of 8-bit RGB with any chunks. */
function png(width: number, height: number, chunks: readonly (readonly [string, Buffer])[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const all = [['IHDR', header], ...chunks, ['IEND', Buffer.alloc(0)]] as const;
  const chunk = ([name, data]: readonly [string, Buffer]) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
  };
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...all.map(chunk)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** node:zlib has it since Node 20.15 only. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const zeros = (megabytes: number) => deflateSync(Buffer.alloc(megabytes * MB));
const PIXELS = deflateSync(Buffer.alloc(64 * (1 + 64 * 3)));

/** 20 comments of 50 MB each. */
export function pngOfComments(): Buffer {
  const comment = Buffer.concat([Buffer.from('k\0\0'), zeros(50)]);
  return png(64, 64, [...Array.from({ length: 20 }, () => ['zTXt', comment] as const), ['IDAT', PIXELS]]);
}

/** A colour profile of 300 MB. */
export const pngOfProfile = () =>
  png(64, 64, [
    ['iCCP', Buffer.concat([Buffer.from('p\0\0'), zeros(300)])],
    ['IDAT', PIXELS],
  ]);

/** As many pixels as are read at most, all black. */
export const pngOfPixels = () =>
  png(13377, 13377, [['IDAT', deflateSync(Buffer.alloc(13377 * (1 + 13377 * 3)))]]);

/** A canvas of 131 megapixels around one pixel. */
export const gifOfCanvas = () =>
  Buffer.from('474946383961ffffd007800000000000ffffff2c00000000010001000002024401003b', 'hex');

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="2000">';

export const svgOfFilters = () =>
  `${SVG}<filter id="f" x="0" y="0" width="1" height="1">${'<feGaussianBlur stdDeviation="900"/><feMorphology operator="dilate" radius="900"/><feTurbulence numOctaves="200" baseFrequency="0.9"/>'.repeat(30)}</filter><rect width="2000" height="2000" filter="url(#f)"/></svg>`;

/** 500 MB of spaces. */
export const svgz = () => gzipSync(Buffer.alloc(500 * MB, `${SVG}${' '.repeat(1000)}`));

/** A checkpoint whose only member is 500 MB when inflated. */
export function zipOfZeros(): Buffer {
  const name = 'archive/data.pkl';
  const member = deflateRawSync(Buffer.alloc(500 * MB));
  const zip = storedZip([[name, member]]);
  const central = 30 + name.length + member.length;
  for (const [method, size] of [[8, 22], [central + 10, central + 24]] as const) {
    zip.writeUInt16LE(8, method);
    zip.writeUInt32LE(500 * MB, size);
  } // prettier-ignore
  return zip;
}

export const pickleOfDicts = () => torchZip(p.raw(`(${'}'.repeat(5_000_000)}t`), []);

export function safetensorsOfHeader(): Buffer {
  const bytes = Buffer.alloc(1000, ' ');
  bytes.writeBigUInt64LE(100_000_000n);
  return bytes;
}

/** 10^9 rows of 10^6 numbers. */
export function npyOfRows(): Buffer {
  const header =
    `{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000), }`.padEnd(117) + '\n';
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\0', 'latin1'),
    Buffer.from([118, 0]),
    Buffer.from(header),
  ]);
}

export const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Each anchor has nine of the one before. */
export const yamlOfAliases = () =>
  ['a0: &a0 x', ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 9 }, () => `*a${i}`).join(', ')}]`), 'names: *a12'].join('\n'); // prettier-ignore

/** The side in pixels of the largest square of one colour that is read, for kinds that are decoded as a whole. */
export const UNFOLDING = { webp: 5000, gif: 5000, jpeg: 5000, png: 5000, avif: 3500, bmp: 5000 } as const;
export type UnfoldingKind = keyof typeof UNFOLDING;

export async function unfolding(kind: UnfoldingKind, side: number): Promise<Buffer> {
  if (kind === 'bmp') return bmpOfRuns(side);
  const flat = sharp({ create: { width: side, height: side, channels: 3, background: '#888' } });
  const written = {
    webp: () => flat.webp({ lossless: true, effort: 0 }),
    gif: () => flat.gif({ effort: 1 }),
    jpeg: () => flat.jpeg({ progressive: true }),
    png: () => flat.png({ progressive: true }),
    avif: () => flat.avif({ effort: 0 }),
  } as const;
  return written[kind]().toBuffer();
}

/** A bitmap of 8 bits and run lengths whose data ends at once: all of it is colour 0. */
function bmpOfRuns(side: number): Buffer {
  const bytes = Buffer.alloc(54 + 8 + 2);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(62, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(side, 18);
  bytes.writeInt32LE(side, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(8, 28);
  bytes.writeUInt32LE(1, 30);
  bytes.writeUInt32LE(2, 46);
  bytes.writeUInt16LE(0x0100, 62);
  return bytes;
}
