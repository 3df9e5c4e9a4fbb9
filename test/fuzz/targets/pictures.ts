// pictures.ts: damaged and made-up pictures of every kind, each from its seed alone: what is decoded has as many bytes as its size
// says, and everything else is an error of one line for the user.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import sharp from 'sharp';
import { decodeImage } from '../../../src/images/decode.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';
import { madeUpPixels } from '../../helpers/lcg.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, pick } from '../mutate.ts';

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

/** A picture with a few faults; in PNGs the check sums are made right again, so that what is behind them is reached. */
const pictures: FuzzTarget = async (rng) => {
  const sound = pick(rng, await (seeds ??= makeSeeds()));
  const bytes = damaged(sound, rng, 1 + rng.integer(4));
  const whole = bytes[0] === 0x89 && rng.chance(0.9) ? withChecksums(bytes) : bytes;
  return {
    bytes: whole.length,
    read: async () => {
      const { data, width, height } = await decodeImage(whole, { maxPixels: MAX_PIXELS });
      assert.equal(data.length, width * height * 3);
      assert.ok(width > 0 && height > 0 && width * height <= MAX_PIXELS, `${width}x${height}`);
    },
  };
};

export default pictures;

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
