// Kinds of pictures that Pillow and the decoder read differently, or that the decoder does not read: against Pillow's
// convert('RGB'). test/golden/make_pictures.py made both sides.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { decodeImage } from '../../../src/images/decode.ts';
import { AppError } from '../../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';
import { assertAllClose } from '../../helpers/assert-all-close.ts';

interface Golden {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}

const golden = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'pictures.json'), 'utf8'),
) as {
  readonly pictures: Readonly<Record<string, Golden>>;
  readonly unsupported: Readonly<Record<string, string>>;
};
const bytesOf = (base64: string) => Buffer.from(base64, 'base64');

/** Levels: Pillow has tables of its own for luma and chroma that no library packed. */
const TOLERANCE: Readonly<Record<string, number>> = { 'tiff, ycbcr': 1 };

describe("as Pillow's convert('RGB')", () => {
  for (const [name, { file, width, height, rgb }] of Object.entries(golden.pictures)) {
    test(name, async () => {
      const pixels = await decodeImage(bytesOf(file));
      assert.deepEqual([pixels.width, pixels.height], [width, height]);
      assertAllClose(pixels.data, bytesOf(rgb), { rtol: 0, atol: TOLERANCE[name] ?? 0 });
    });
  }
});

describe('what is sound and not read is not called damaged', () => {
  for (const [name, file] of Object.entries(golden.unsupported)) {
    test(`tiff, ${name}`, () =>
      assert.rejects(decodeImage(bytesOf(file)), (error) => {
        assert.ok(error instanceof AppError && error.code === 'IMAGE_UNREADABLE', String(error));
        assert.match(error.message, /^a TIFF with \S.*, which finch does not read; convert it to PNG$/);
        return true;
      }));
  }
  for (const [name, cut] of Object.entries(golden.pictures)) {
    // A part of a file of each kind: damaged, in one sentence that is said once.
    test(`${name}, cut short`, async () => {
      const whole = bytesOf(cut.file);
      await assert.rejects(decodeImage(whole.subarray(0, Math.floor(whole.length * 0.6))), (error) => {
        assert.ok(error instanceof AppError && error.code === 'IMAGE_UNREADABLE', String(error));
        const sentences = error.message.split('; ');
        assert.deepEqual(sentences, [...new Set(sentences)]);
        return true;
      });
    });
  }
});
