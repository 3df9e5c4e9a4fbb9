// Pictures that are decoded strip by strip are resized to the same bytes as whole ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { resizeAndCrop, type Resize } from '../../src/images/resize.ts';
import { resizeStrips } from '../../src/images/strips.ts';
import { decodeCmyk, decodeRgb, type Decode } from '../../src/images/to-rgb.ts';
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
    const { resized, ...size } = await resizeStrips(bytes, ignoreExif, (part) => decode(bytes, HOW, part), () => RESIZES, 300); // prettier-ignore
    assert.deepEqual(size, { width: whole.width, height: whole.height });
    for (const [i, { size, crop, interpolation }] of RESIZES.entries()) {
      assert.deepEqual(resized[i], resizeAndCrop(whole, size, crop, interpolation));
    }
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
