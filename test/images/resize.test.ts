// Pillow's resize and torchvision's Resize + CenterCrop, to the last bit. Goldens: test/golden/make_resize.py.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { preprocess } from '../../src/images/preprocess.ts';
import { resizeAndCrop, stripResize, stripsOf } from '../../src/images/resize.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { INTERPOLATIONS, type Interpolation } from '../../src/util/preprocessing.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

interface Golden {
  readonly pillow: string;
  readonly resizes: readonly {
    readonly width: number;
    readonly height: number;
    readonly to: readonly [number, number];
    readonly interpolation: Interpolation;
    readonly data: string;
  }[];
  readonly crops: readonly {
    readonly width: number;
    readonly height: number;
    readonly resize: number;
    readonly size: number;
    readonly interpolation: Interpolation;
    readonly data: string;
  }[];
}

const file = path.join(PACKAGE_ROOT, 'test', 'golden', 'resize.json');
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;

const picture = (width: number, height: number) => ({
  data: madeUpPixels(`${width}x${height}`, height, width),
  width,
  height,
});

for (const { width, height, to, interpolation, data } of golden.resizes) {
  test(`${interpolation} ${width}x${height} -> ${to.join('x')} equals Pillow ${golden.pillow}`, () => {
    const whole = { left: 0, top: 0, width: to[0], height: to[1] };
    const result = resizeAndCrop(picture(width, height), whole, whole, interpolation);
    assert.deepEqual(Buffer.from(result.data), Buffer.from(data, 'base64'));
  });
}

for (const { width, height, resize, size, interpolation, data } of golden.crops) {
  test(`Resize(${resize}), CenterCrop(${size}) of ${width}x${height}, ${interpolation}, equals torchvision`, () => {
    const result = preprocess(picture(width, height), {
      size,
      resize,
      mode: 'crop',
      interpolation,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    assert.deepEqual(Buffer.from(result), Buffer.from(data, 'base64'));
  });
}

test('squash-crop: both sides to one length, then the middle', () => {
  const source = picture(61, 33);
  for (const [cropOffset, left] of [
    [undefined, 2],
    ['down', 1],
  ] as const) {
    const size = { width: 23, height: 23 };
    const expected = resizeAndCrop(source, size, { left, top: left, width: 20, height: 20 }, 'bicubic').data;
    const actual = preprocess(source, {
      size: 20,
      resize: 23,
      mode: 'squash-crop',
      ...(cropOffset && { cropOffset }),
      interpolation: 'bicubic',
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    assert.deepEqual(actual, expected);
  }
});

test('a crop computed alone equals the crop of the whole', () => {
  const side = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      fc.constantFrom(...INTERPOLATIONS),
      fc.nat(),
      fc.nat(),
      (w, h, toW, toH, interpolation, a, b) => {
        const source = picture(w, h);
        const whole = { left: 0, top: 0, width: toW, height: toH };
        const all = resizeAndCrop(source, whole, whole, interpolation).data;
        const left = a % toW;
        const top = b % toH;
        const crop = { left, top, width: toW - left, height: toH - top };
        const part = resizeAndCrop(source, whole, crop, interpolation).data;
        for (let y = 0; y < crop.height; y++) {
          const from = ((top + y) * toW + left) * 3;
          const row = part.subarray(y * crop.width * 3, (y + 1) * crop.width * 3);
          assert.deepEqual(row, all.subarray(from, from + crop.width * 3));
        }
      },
    ),
  );
});

test('a picture of one colour keeps it, whatever the size', () => {
  const side = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(
      side,
      side,
      side,
      fc.nat({ max: 255 }),
      fc.constantFrom('crop', 'squash'),
      (w, h, size, value, mode) => {
        const source = { data: new Uint8Array(w * h * 3).fill(value), width: w, height: h };
        const result = preprocess(source, { size, resize: size, mode, interpolation: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1] }); // prettier-ignore
        assert.ok(result.every((pixel) => pixel === value));
      },
    ),
  );
});

test('pad keeps the whole picture and fills with the mean colour', () => {
  const source = { data: new Uint8Array(40 * 20 * 3).fill(200), width: 40, height: 20 };
  const result = preprocess(source, { size: 20, resize: 20, mode: 'pad', interpolation: 'bilinear', mean: [0.5, 0.25, 1], std: [1, 1, 1] }); // prettier-ignore
  assert.deepEqual([...result.subarray(0, 3)], [128, 64, 255]);
  assert.deepEqual([...result.subarray(10 * 20 * 3, 10 * 20 * 3 + 3)], [200, 200, 200]);
});

test('strips give what the whole gives, to the last bit', () => {
  const side = fc.integer({ min: 1, max: 40 });
  const kinds = fc.constantFrom(...INTERPOLATIONS);
  fc.assert(
    fc.property(side, side, side, side, kinds, fc.nat(), fc.nat({ max: 200 }), (w, h, toW, toH, interpolation, a, pixels) => {
      const source = picture(w, h);
      const size = { width: toW, height: toH };
      const [left, top] = [a % toW, (a >> 3) % toH];
      const crop = { left, top, width: toW - left, height: toH - top };
      const resize = stripResize(source, { size, crop, interpolation });
      const strips = stripsOf(source, { size, crop, interpolation }, pixels);
      for (const strip of strips) {
        assert.ok(strip.width * strip.height <= Math.max(pixels, w, h));
        resize.add(resizeAndCrop(source, source, strip, interpolation), strip);
      }
      assert.deepEqual(resize.finish(), resizeAndCrop(source, size, crop, interpolation));
    }),
  );
}); // prettier-ignore

test('a picture larger than the memory that is kept is resized in strips', () => {
  for (const [width, height] of [[9000, 3000], [1200, 20_000]] as const) {
    const source = { data: new Uint8Array(width * height * 3), width, height };
    for (let i = 0; i < source.data.length; i += 7) source.data[i] = i * 31;
    const size = { width: 30, height: 40 };
    const to = { size, crop: { left: 3, top: 5, width: 20, height: 30 }, interpolation: 'bicubic' } as const;
    assert.ok(stripsOf(source, to, 16 * 2 ** 20).length > 1);
    const fine = stripResize(source, to);
    for (const strip of stripsOf(source, to, 10 ** 6)) fine.add(resizeAndCrop(source, source, strip, 'bicubic'), strip);
    assert.deepEqual(resizeAndCrop(source, size, to.crop, 'bicubic'), fine.finish());
  }
}); // prettier-ignore
