// Pictures that are decoded strip by strip are resized to the same bytes as whole ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { decodeImage, decodeResized } from '../../src/images/decode.ts';
import { withPictureMemory } from '../../src/images/picture-memory.ts';
import { resizeAndCrop, type Pixels, type Resize } from '../../src/images/resize.ts';
import { isReadInStrips, resizeStrips, type Strips } from '../../src/images/strips.ts';
import { decodeCmyk, decodeRgb, type Decode } from '../../src/images/to-rgb.ts';
import { OPENERS } from '../../src/images/opened.ts';
import { openBmp, readBmp } from '../../src/images/files/bmp.ts';
import { openNetpbm, readNetpbm } from '../../src/images/files/netpbm.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

const [width, height] = [37, 53];
const pixels = madeUpPixels('strips', height, width);
const picture = (orientation: number) =>
  sharp(pixels, { raw: { width, height, channels: 3 } }).withMetadata({ orientation });

/** More down than across, so that the vertical pass is first, and the other way round. */
const RESIZES: readonly Resize[] = [
  { size: { width: 20, height: 11 }, crop: { left: 2, top: 1, width: 15, height: 9 }, interpolation: 'bilinear' },
  { size: { width: 11, height: 40 }, crop: { left: 0, top: 7, width: 11, height: 20 }, interpolation: 'bicubic' },
]; // prettier-ignore

const HOW = { ignoreExif: false, maxPixels: 1e6, onWhite: false };

async function same(bytes: Buffer, decode: Decode): Promise<void> {
  for (const ignoreExif of [false, true]) {
    const whole = await decodeImage(bytes, { ignoreExif });
    const { orientation, ...stored } = await sharp(bytes).metadata();
    await sameInStrips(whole, {
      stored: async () => (ignoreExif ? stored : { ...stored, orientation }),
      decode: (part) => decode(bytes, HOW, part),
    });
  }
}

async function sameInStrips(whole: Pixels, strips: Strips): Promise<void> {
  const { resized, ...size } = await resizeStrips(strips, () => RESIZES, 300);
  assert.deepEqual(size, { width: whole.width, height: whole.height });
  for (const [i, { size, crop, interpolation }] of RESIZES.entries()) {
    assert.deepEqual(resized[i], resizeAndCrop(whole, size, crop, interpolation));
  }
}

for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`orientation ${orientation}`, async () => {
    for (const format of ['png', 'jpeg', 'tiff'] as const) {
      await same(await picture(orientation).toFormat(format).toBuffer(), decodeRgb);
    }
  });
}

test('16 bits, and inks', async () => {
  await same(await picture(6).toColourspace('rgb16').png().toBuffer(), decodeRgb);
  const inks = sharp(pixels, { raw: { width, height, channels: 3 } }).toColourspace('cmyk');
  await same(await inks.tiff({ compression: 'none' }).toBuffer(), decodeCmyk);
});

/** One file of each way in which the two kinds store pixels. */
function plainFiles(): Buffer[] {
  const netpbm = (type: number, white: string, samples: string | Uint8Array) =>
    Buffer.concat([
      Buffer.from(`P${type}\n${width} ${height}\n${white}`),
      typeof samples === 'string' ? Buffer.from(samples) : samples,
    ]);
  const inText = (numbers: Iterable<number>) => Array.from(numbers).join(' ');
  const bits = Array.from(pixels.subarray(0, width * height), (value) => value & 1);
  const bmp = (bitsPerPixel: number, compression: number, stored: Buffer) => {
    const header = Buffer.alloc(54 + (bitsPerPixel <= 8 ? 4 * 2 ** bitsPerPixel : 0), 0x5a);
    header.write('BM');
    header.writeUInt32LE(header.length, 10);
    header.writeUInt32LE(40, 14);
    header.writeInt32LE(width, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt16LE(bitsPerPixel, 28);
    header.writeUInt32LE(compression, 30);
    header.writeUInt32LE(0, 46);
    return Buffer.concat([header, stored]);
  };
  const runs = Array.from(pixels.subarray(0, height), (value) => [20, value, 17, 255 - value, 0, 0]).flat();
  const stored = Buffer.concat([pixels, pixels]);
  return [
    netpbm(1, '', bits.join('')),
    netpbm(2, '7\n', inText(pixels.subarray(0, width * height))),
    netpbm(3, '300\n', inText(pixels)),
    netpbm(4, '', pixels),
    netpbm(5, '65535\n', pixels),
    netpbm(6, '255\n', pixels),
    ...[1, 4, 8, 16, 24, 32].map((bitsPerPixel) => bmp(bitsPerPixel, 0, stored)),
    bmp(8, 1, Buffer.from(runs)),
  ];
}

test('BMP and netpbm', async () => {
  for (const bytes of plainFiles()) {
    const isBmp = bytes[0] === 0x42;
    const decodePart = isBmp ? openBmp(bytes, readBmp(bytes)) : openNetpbm(bytes, readNetpbm(bytes));
    const stored = { width, height };
    await sameInStrips(await decodeImage(bytes), {
      stored: async () => stored,
      decode: async (part) => decodePart(part),
    });
  }
});

test('a large BMP and a large bitmap are never there as a whole', async (t) => {
  const [width, height] = [8200, 8200];
  assert.ok(isReadInStrips(width, height));
  const bitmap = Buffer.alloc(13 + (width / 8) * height);
  bitmap.write(`P4 ${width} ${height}\n`);
  const bmp = Buffer.alloc(62 + Math.ceil(width / 32) * 4 * height);
  bmp.write('BM');
  bmp.writeUInt32LE(62, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(width, 18);
  bmp.writeInt32LE(height, 22);
  bmp.writeUInt16LE(1, 28);
  const corner: Resize = { size: { width: 4100, height: 4100 }, crop: { left: 9, top: 4090, width: 7, height: 10 }, interpolation: 'bilinear' }; // prettier-ignore
  for (const [kind, bytes] of [
    ['netpbm', bitmap],
    ['bmp', bmp],
  ] as const) {
    const open = OPENERS[kind];
    const decode = t.mock.fn(() => Promise.reject(new Error('decoded as a whole')));
    t.mock.method(OPENERS, kind, async (...given: Parameters<typeof open>) => ({ ...(await open(...given)), decode })); // prettier-ignore
    const { resized, ...size } = await decodeResized(bytes, { maxPixels: 1e9 }, () => [corner]);
    assert.deepEqual(size, { width, height });
    assert.equal(resized[0]!.data.length, 7 * 10 * 3);
    assert.equal(decode.mock.callCount(), 0);
  }
});

test('one picture that takes more than a container has is refused, and not begun', () =>
  assert.rejects(
    withPictureMemory(1.05e9, () => assert.fail('begun'), { most: 268e6 }),
    {
      code: 'IMAGE_TOO_LARGE',
      message: /about 1050 MB, and the limit of memory here leaves 268 MB/,
    },
  ));
