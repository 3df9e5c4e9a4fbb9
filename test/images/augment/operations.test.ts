// Every operation of augmentation against torchvision's on the same parameters, bit for bit; goldens: test/golden/augment.py.
// The choices: their ranges, and that the stream alone decides.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import * as colour from '../../../src/images/augment/colour.ts';
import { flip, resizedCrop } from '../../../src/images/augment/geometry.ts';
import {
  applyOperation,
  BINS,
  OPERATIONS,
  strengthOf,
  type Operation,
} from '../../../src/images/augment/operations.ts';
import type { Pixels, Rectangle } from '../../../src/images/resize.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';
import type { Interpolation } from '../../../src/util/preprocessing.ts';
import { assertAllClose } from '../../helpers/assert-all-close.ts';
import { madeUpPixels } from '../../helpers/lcg.ts';

interface Parameters {
  readonly bits: number;
  readonly threshold: number;
  readonly factor: number;
  readonly turn: number;
  readonly strength: number;
  readonly interpolation: Interpolation;
  readonly fill: readonly [number, number, number] | null;
  readonly part: Rectangle;
  readonly size: number;
}

interface Golden {
  readonly torchvision: string;
  readonly pillow: string;
  readonly cases: readonly {
    readonly operation: string;
    readonly picture: readonly [name: string, width: number, height: number];
    readonly parameters: Parameters;
    readonly data: string;
  }[];
  readonly spaces: Readonly<
    Record<
      'randaugment' | 'trivial',
      Readonly<Record<string, { readonly strengths: readonly number[]; readonly signed: boolean }>>
    >
  >;
}

const golden = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'augment.json'), 'utf8'),
) as Golden;

/** As augment.py makes it. */
function picture([name, width, height]: Golden['cases'][number]['picture']): Pixels {
  const data = madeUpPixels(name, height, width);
  if (!name.startsWith('slope')) return { data, width, height };
  const slope = (x: number, y: number) => [40 + 3 * x, 200 - 2 * y, 90 + x + y];
  return {
    data: data.map((noise, i) => {
      const at = Math.floor(i / 3);
      const level = slope(at % width, Math.floor(at / width))[i % 3]!;
      return Math.min(255, Math.max(0, level + (noise >> 4)));
    }),
    width,
    height,
  };
}

const RUN: Readonly<Record<string, (pixels: Pixels, parameters: Parameters) => Pixels>> = {
  autocontrast: colour.autocontrast,
  equalize: colour.equalize,
  flip,
  posterize: (pixels, { bits }) => colour.posterize(pixels, bits),
  solarize: (pixels, { threshold }) => colour.solarize(pixels, threshold),
  brightness: (pixels, { factor }) => colour.brightness(pixels, factor),
  contrast: (pixels, { factor }) => colour.contrast(pixels, factor),
  saturation: (pixels, { factor }) => colour.saturation(pixels, factor),
  sharpness: (pixels, { factor }) => colour.sharpness(pixels, factor),
  hue: (pixels, { turn }) => colour.hue(pixels, turn),
  resizedCrop: (pixels, { part, size, interpolation }) => resizedCrop(pixels, part, size, interpolation),
};

describe(`as torchvision ${golden.torchvision} on Pillow ${golden.pillow}`, () => {
  for (const operation of new Set(golden.cases.map((known) => known.operation))) {
    test(operation, () => {
      for (const known of golden.cases.filter((other) => other.operation === operation)) {
        const { interpolation, fill, strength } = known.parameters;
        const source = picture(known.picture);
        const before = source.data.slice();
        const run =
          RUN[operation] ??
          ((pixels: Pixels) =>
            applyOperation(pixels, operation as Operation, strength, {
              interpolation: interpolation as 'nearest' | 'bilinear',
              ...(fill && { fill }),
            }));
        const result = run(source, known.parameters);
        const what = `${operation} ${JSON.stringify(known.parameters)} of ${known.picture.join(' ')}`;
        assertAllClose(result.data, Buffer.from(known.data, 'base64'), { atol: 0 }, what);
        assert.deepEqual(source.data, before, 'the source is left as it was');
      }
    });
  }
});

test("strengths of all 31 bins are torchvision's", () => {
  const names = { color: 'Color' } as Readonly<Record<string, string>>;
  for (const space of ['randaugment', 'trivial'] as const) {
    assert.equal(Object.keys(golden.spaces[space]).length, OPERATIONS.length);
    for (const operation of OPERATIONS) {
      const capital = names[operation] ?? operation[0]!.toUpperCase() + operation.slice(1);
      const theirs = golden.spaces[space][capital === 'Autocontrast' ? 'AutoContrast' : capital]!;
      const size = { data: new Uint8Array(), width: 331, height: 200 };
      const ours = Array.from({ length: BINS }, (_, bin) => strengthOf(operation, bin, space, size));
      assertAllClose(ours, theirs.strengths, { rtol: 1e-6 }, `${space} ${operation}`); // torch counts in float32
    }
  }
});
