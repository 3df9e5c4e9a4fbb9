// pictures.ts: damaged and made-up pictures of every kind, each from its seed alone: what is decoded has as many bytes as its size
// says, and everything else is an error of one line for the user.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import type { Rng } from '../../src/util/rng.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

export const name = 'pictures';

/** Nothing that is decoded here needs more. */
const MAX_PIXELS = 4 * 1024 * 1024;

const GOLDEN = path.join(PACKAGE_ROOT, 'test', 'golden', 'pictures.json');

let seeds: Promise<readonly Buffer[]> | undefined;

/** A sound file of each kind. */
async function makeSeeds(): Promise<readonly Buffer[]> {
  const { pictures } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as {
    readonly pictures: Readonly<Record<string, { readonly file: string }>>;
  };
  const image = () => sharp(madeUpPixels('fuzz', 12, 17), { raw: { width: 17, height: 12, channels: 3 } });
  const made = [
    image().png(),
    image().png({ palette: true }),
    image().png({ progressive: true }).withIccProfile('p3'),
    image().jpeg(),
    image().jpeg({ progressive: true }).withMetadata({ orientation: 6 }),
    image().toColourspace('cmyk').jpeg(),
    image().webp(),
    image().avif({ effort: 0 }),
    image().gif(),
    image().tiff({ compression: 'jpeg' }),
    image().tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: 'deflate' }),
  ];
  const files = await Promise.all(made.map((one) => one.toBuffer()));
  return [...files, ...Object.values(pictures).map(({ file }) => Buffer.from(file, 'base64'))];
}

const EDGES = [0, 1, 2, 3, 7, 8, 16, 127, 128, 254, 255];
const WIDE = [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const MUTATIONS: readonly ((bytes: Buffer, rng: Rng) => Buffer)[] = [
  (bytes, rng) => set(bytes, rng, (copy, at) => copy.writeUInt8(EDGES[rng.integer(EDGES.length)]!, at)),
  (bytes, rng) => set(bytes, rng, (copy, at) => copy.writeUInt8(copy[at]! ^ (1 << rng.integer(8)), at)),
  (bytes, rng) => set(bytes, rng, (copy, at) => at + 4 <= copy.length && copy.writeUInt32BE(WIDE[rng.integer(WIDE.length)]!, at)), // prettier-ignore
  (bytes, rng) => set(bytes, rng, (copy, at) => at + 4 <= copy.length && copy.writeUInt32LE(WIDE[rng.integer(WIDE.length)]!, at)), // prettier-ignore
  (bytes, rng) => bytes.subarray(0, rng.integer(bytes.length + 1)),
  (bytes, rng) => {
    // A part of it once more, somewhere else.
    const [from, to, length] = [rng.integer(bytes.length), rng.integer(bytes.length), 1 + rng.integer(200)];
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, from + length), bytes.subarray(to)]);
  },
  (bytes, rng) => {
    const [from, length] = [rng.integer(bytes.length), 1 + rng.integer(40)];
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
];

/** Near the beginning more often than not: there are the headers. */
function set(bytes: Buffer, rng: Rng, write: (copy: Buffer, at: number) => unknown): Buffer {
  if (bytes.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  write(copy, rng.integer(rng.chance(0.7) ? Math.min(copy.length, 80) : copy.length));
  return copy;
}

/** A picture with a few faults; in PNGs the check sums are made right again, so that what is behind them is reached. */
export async function generate(rng: Rng): Promise<Buffer> {
  if (rng.chance(0.02)) return Buffer.from(drawing(rng));
  const all = await (seeds ??= makeSeeds());
  let bytes = all[rng.integer(all.length)]!;
  for (let faults = 1 + rng.integer(4); faults > 0; faults--) {
    bytes = MUTATIONS[rng.integer(MUTATIONS.length)]!(bytes, rng);
  }
  return bytes[0] === 0x89 && rng.chance(0.9) ? withChecksums(bytes) : bytes;
}

function withChecksums(png: Buffer): Buffer {
  const { crc32 } = zlib as Partial<typeof zlib>;
  const copy = Buffer.from(png);
  if (!crc32) return copy;
  for (let at = 8; at + 12 <= copy.length;) {
    const end = at + 8 + copy.readUInt32BE(at);
    if (end + 4 > copy.length) break;
    copy.writeUInt32BE(crc32(copy.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return copy;
}

const TAGS = [
  'g',
  'rect',
  'use',
  'path',
  'pattern',
  'mask',
  'text',
  'image',
  'filter',
  'feGaussianBlur',
  'style',
];

function drawing(rng: Rng, depth = 0): string {
  const name = depth === 0 ? 'svg xmlns="http://www.w3.org/2000/svg"' : TAGS[rng.integer(TAGS.length)]!;
  const number = () => [0, 1, -1, 30, 1e9, 1e-9, NaN][rng.integer(7)];
  const attributes = [
    `id="a${rng.integer(5)}"`,
    `width="${number()}"`,
    `height="${number()}"`,
    `href="#a${rng.integer(5)}"`,
    `fill="url(#a${rng.integer(5)})"`,
    `d="M0 0L${number()} 9"`,
  ].filter(() => rng.chance(0.5));
  const inside =
    depth > 3 ? '' : Array.from({ length: rng.integer(4) }, () => drawing(rng, depth + 1)).join('');
  const end = rng.chance(0.95) ? `</${name.split(' ')[0]}>` : '';
  return `<${name} ${attributes.join(' ')}>${inside}${end}`;
}

export async function run(bytes: Buffer): Promise<void> {
  try {
    const { data, width, height } = await decodeImage(bytes, { maxPixels: MAX_PIXELS });
    assert.equal(data.length, width * height * 3);
    // Drawings have a limit of their own.
    assert.ok(width > 0 && height > 0 && width * height <= 64 * 1024 * 1024, `${width}x${height}`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    assert.match(error.message, /^[^\p{Cc}]{1,400}$/u);
  }
}
