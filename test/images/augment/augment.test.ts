// What augmentation chooses, and a whole picture through it; Mixup and CutMix.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  augment,
  ERASE,
  erased,
  IMAGENET_CROP,
  type AugmentSpec,
} from '../../../src/images/augment/augment.ts';
import { chooseCrop, chooseErased, chooseJitter, middleCrop } from '../../../src/images/augment/choose.ts';
import { chooseCutmix, cutmix, mixup } from '../../../src/images/augment/mix.ts';
import { createRng } from '../../../src/util/rng.ts';
import { assertAllClose } from '../../helpers/assert-all-close.ts';
import { madeUpPixels } from '../../helpers/lcg.ts';

const side = fc.integer({ min: 1, max: 300 });
const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('choices', () => {
  test('a crop lies inside the picture, and is reasonable in area and shape', () => {
    fc.assert(
      fc.property(side, side, fc.integer(), (width, height, seed) => {
        const { left, top, ...part } = chooseCrop({ width, height }, IMAGENET_CROP, createRng(seed));
        assert.ok(left >= 0 && top >= 0 && part.width >= 1 && part.height >= 1);
        assert.ok(left + part.width <= width && top + part.height <= height);
        const shape = part.width / part.height;
        if (Math.min(part.width, part.height) > 20) assert.ok(shape > 0.7 && shape < 1.43, `${shape}`);
      }),
    );
    const rng = createRng(4);
    const parts = Array.from({ length: 5000 }, () =>
      chooseCrop({ width: 400, height: 400 }, IMAGENET_CROP, rng),
    );
    const shares = parts.map((part) => (part.width * part.height) / 160_000);
    assert.ok(Math.min(...shares) > 0.078 && Math.max(...shares) > 0.98);
    // torchvision.transforms.RandomResizedCrop.get_params on 400x400, 20,000 draws: mean share 0.4799, mean width 268.4
    assert.ok(Math.abs(average(shares) - 0.4799) < 0.02, `${average(shares)}`);
    assert.ok(Math.abs(average(parts.map((part) => part.width)) - 268.4) < 5);
  });

  test('where no try fits, the largest middle part of an allowed shape', () => {
    const ratio = [3 / 4, 4 / 3] as const;
    assert.deepEqual(middleCrop({ width: 10, height: 90 }, ratio), {
      left: 0,
      top: 38,
      width: 10,
      height: 13,
    });
    assert.deepEqual(middleCrop({ width: 90, height: 9 }, ratio), { left: 39, top: 0, width: 12, height: 9 });
    assert.deepEqual(middleCrop({ width: 9, height: 10 }, ratio), { left: 0, top: 0, width: 9, height: 10 });
    const wide = chooseCrop({ width: 1000, height: 2 }, { scale: [1, 1], ratio }, createRng(1));
    assert.deepEqual(wide, { left: 498, top: 0, width: 3, height: 2 });
  });

  test('what is erased is smaller than the picture', () => {
    fc.assert(
      fc.property(side, side, fc.integer(), (width, height, seed) => {
        const part = chooseErased({ width, height }, ERASE!, createRng(seed));
        if (!part) return;
        assert.ok(part.width < width && part.height < height && part.left + part.width <= width && part.top + part.height <= height); // prettier-ignore
      }),
    );
    const tall = Array.from({ length: 2000 }, (_, i) => chooseErased({ width: 100, height: 100 }, { scale: [0.1, 0.1], ratio: [4, 4] }, createRng(i))); // prettier-ignore
    assert.ok(
      tall.every((part) => part!.height > 3 * part!.width),
      'the ratio is height over width',
    );
  });

  test('jitter: every step once, in any order, in range', () => {
    const ranges = { brightness: 0.4, contrast: 0.3, saturation: 2, hue: 0.1 };
    const orders = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const steps = chooseJitter(ranges, createRng(seed));
      orders.add(steps.map(([name]) => name).join());
      for (const [name, by] of steps) {
        if (name === 'hue') assert.ok(Math.abs(by) <= 0.1);
        else assert.ok(by >= Math.max(0, 1 - ranges[name]) && by <= 1 + ranges[name]);
      }
    }
    assert.equal(orders.size, 24);
    assert.deepEqual(chooseJitter({ brightness: 0, contrast: 0, saturation: 0, hue: 0 }, createRng(0)), []);
  });
});

describe('a whole picture', () => {
  const source = { data: madeUpPixels('whole', 40, 50), width: 50, height: 40 };
  const target = { size: 32, interpolation: 'bilinear', mean: [0.5, 0.25, 1] } as const;
  const specs: Readonly<Record<string, AugmentSpec>> = {
    basic: { crop: IMAGENET_CROP, flip: 0.5 },
    randaugment: { crop: IMAGENET_CROP, flip: 0.5, policy: { name: 'randaugment', count: 2, magnitude: 9 } },
    trivial: { crop: IMAGENET_CROP, flip: 0.5, policy: { name: 'trivial' } },
    all: { crop: IMAGENET_CROP, flip: 0.5, policy: { name: 'trivial' }, erase: { ...ERASE!, probability: 1 }, jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 } }, // prettier-ignore
  };
  for (const [name, spec] of Object.entries(specs)) {
    test(`${name}: the stream alone decides`, () => {
      const views = Array.from({ length: 20 }, (_, i) => augment(source, spec, target, createRng(i)));
      assert.ok(views.every((view) => view.length === 32 * 32 * 3));
      assert.deepEqual(views.map((_, i) => augment(source, spec, target, createRng(i))), views); // prettier-ignore
      assert.equal(new Set(views.map((view) => Buffer.from(view).toString('base64'))).size, 20);
    });
  }

  test('a part is erased in one colour, the rest left', () => {
    const { data } = erased(source, { left: 3, top: 2, width: 4, height: 5 }, [1, 2, 3]);
    const changed = data.map((value, i) => (value === source.data[i] ? 0 : 1));
    for (const [i, flag] of changed.entries()) {
      const [x, y] = [Math.floor(i / 3) % 50, Math.floor(i / 150)];
      const inside = x >= 3 && x < 7 && y >= 2 && y < 7;
      if (inside) assert.equal(data[i], (i % 3) + 1);
      else assert.equal(flag, 0);
    }
  });
});

describe('batches', () => {
  const batch = () => ({
    data: madeUpPixels('batch', 3 * 8, 8),
    count: 3,
    size: 8,
    targets: Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]),
  });

  test('mixup: each is mixed with the one before it, targets too', () => {
    const mixed = batch();
    mixup(mixed, 0.75);
    const { data } = batch();
    const expected = data.map((value, i) => Math.floor(0.75 * value + 0.25 * data[(i + data.length - 192) % data.length]! + 0.5)); // prettier-ignore
    assert.deepEqual(mixed.data, expected);
    assert.deepEqual([...mixed.targets], [0.75, 0, 0.25, 0.25, 0.75, 0, 0, 0.25, 0.75]);
  });

  test('cutmix: a part is the one before it, targets by area', () => {
    const mixed = batch();
    cutmix(mixed, { left: 2, top: 4, width: 4, height: 4 });
    const { data } = batch();
    for (const [i, value] of mixed.data.entries()) {
      const [x, y] = [Math.floor(i / 3) % 8, Math.floor(i / 24) % 8];
      const from = x >= 2 && x < 6 && y >= 4 ? (i + data.length - 192) % data.length : i;
      assert.equal(value, data[from]);
    }
    assertAllClose(mixed.targets, [0.75, 0, 0.25, 0.25, 0.75, 0, 0, 0.25, 0.75], { atol: 1e-7 });
  });

  test('the box of cutmix lies inside, and is about as large as was drawn', () => {
    const rng = createRng(2);
    const parts = Array.from({ length: 4000 }, () => chooseCutmix(64, 1, rng));
    assert.ok(
      parts.every((p) => p.left >= 0 && p.top >= 0 && p.left + p.width <= 64 && p.top + p.height <= 64),
    );
    const shares = parts.map((part) => (part.width * part.height) / 4096);
    // CutMix(alpha=1) on 64x64, 100,000 draws by the same formula: mean share 0.311
    assert.ok(Math.abs(average(shares) - 0.311) < 0.02, `${average(shares)}`);
  });
});
