// Decoding: every kind of picture becomes the RGB that Pillow's convert('RGB') gives. Pictures are made here, by sharp and by
// hand; where Pillow's arithmetic matters it is written out.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import zlib from 'node:zlib';
import sharp from 'sharp';
import { decodeImage, encodeThumbnail } from '../../src/images/decode.ts';
import { prepareImage } from '../../src/images/prepare.ts';
import { AppError } from '../../src/util/errors.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

/** crc32 came with Node 20.15. */
const { crc32, deflateSync } = zlib as Partial<typeof zlib> & typeof zlib;

const WIDTH = 5;
const HEIGHT = 3;
const rgb = madeUpPixels('decode', HEIGHT, WIDTH);
const grey = rgb.filter((_, i) => i % 3 === 0);
const raw = (channels: 1 | 2 | 3 | 4) => ({ raw: { width: WIDTH, height: HEIGHT, channels } });
const spread = (values: Uint8Array) => Uint8Array.from(rgb, (_, i) => values[Math.floor(i / 3)]!);

/** The RGB pixels with `alpha` behind each. */
const withAlpha = (alpha: Uint8Array) =>
  Uint8Array.from({ length: grey.length * 4 }, (_, i) =>
    i % 4 === 3 ? alpha[i >> 2]! : rgb[(i >> 2) * 3 + (i % 4)]!,
  );

async function decodes(bytes: Buffer, expected: Uint8Array, width = WIDTH, height = HEIGHT) {
  const result = await decodeImage(bytes);
  assert.deepEqual([result.width, result.height], [width, height]);
  assert.deepEqual(Buffer.from(result.data), Buffer.from(expected));
}

/** A PNG of any colour type and depth: sharp writes only the usual ones. */
function png(
  colourType: number,
  depth: number,
  rows: readonly Buffer[],
  chunks: readonly (readonly [string, Buffer])[] = [],
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([depth, colourType, 0, 0, 0], 8);
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32 ? crc32(body) : 0);
    return Buffer.concat([length, body, check]);
  };
  const data = deflateSync(Buffer.concat(rows.flatMap((row) => [Buffer.from([0]), row])));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...chunks.map(([name, content]) => chunk(name, content)),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('kinds of pictures', () => {
  test('RGB in every lossless container', async () => {
    for (const format of ['png', 'tiff', 'webp', 'gif'] as const) {
      const image = sharp(rgb, raw(3));
      const bytes = await (format === 'webp' ? image.webp({ lossless: true }) : format === 'tiff' ? image.tiff({ compression: 'lzw' }) : image.toFormat(format)).toBuffer(); // prettier-ignore
      await decodes(bytes, rgb);
    }
  });
  test('alpha is dropped, not composited', async () => {
    const alpha = madeUpPixels('alpha', HEIGHT, WIDTH).subarray(0, grey.length);
    alpha[0] = 0;
    await decodes(await sharp(withAlpha(alpha), raw(4)).png().toBuffer(), rgb);
  });
  test('grey, and grey with alpha', async () => {
    await decodes(await sharp(grey, raw(1)).toColourspace('b-w').png().toBuffer(), spread(grey));
    const pairs = Uint8Array.from({ length: grey.length * 2 }, (_, i) => (i % 2 ? 128 : grey[i >> 1]!));
    await decodes(await sharp(pairs, raw(2)).toColourspace('b-w').png().toBuffer(), spread(grey));
  });
  test(
    'a palette, with and without a transparent entry',
    { skip: !crc32 && 'node:zlib has no crc32 before Node 20.15' },
    async () => {
      const palette = Buffer.from(rgb.subarray(0, 12));
      const rows = Array.from({ length: HEIGHT }, (_, y) =>
        Buffer.from(Array.from({ length: WIDTH }, (__, x) => (x + y) % 4)),
      );
      const expected = Uint8Array.from(
        rgb,
        (_, i) => palette[rows[Math.floor(i / 15)]![Math.floor(i / 3) % 5]! * 3 + (i % 3)]!,
      );
      await decodes(png(3, 8, rows, [['PLTE', palette]]), expected);
      await decodes(png(3, 8, rows, [['PLTE', palette], ['tRNS', Buffer.from([0, 255])]]), expected); // prettier-ignore
    },
  );
  test(
    '16 bits: the upper eight',
    { skip: !crc32 && 'node:zlib has no crc32 before Node 20.15' },
    async () => {
      const row = (values: Uint8Array, per: number) => (_: unknown, y: number) => Buffer.from([...values.subarray(y * WIDTH * per, (y + 1) * WIDTH * per)].flatMap((value) => [value, 0x7f])); // prettier-ignore
      await decodes(png(2, 16, Array.from({ length: HEIGHT }, row(rgb, 3))), rgb);
      await decodes(png(0, 16, Array.from({ length: HEIGHT }, row(grey, 1))), spread(grey));
    },
  );
  test("CMYK: Pillow's conversion", async () => {
    const tiff = await sharp(rgb, raw(3)).toColourspace('cmyk').tiff({ compression: 'none' }).toBuffer();
    const inks = await sharp(tiff, { ignoreIcc: true })
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer();
    const expected = Uint8Array.from(rgb, (_, i) => {
      const light = 255 - inks[Math.floor(i / 3) * 4 + 3]!;
      return light - Math.round((inks[Math.floor(i / 3) * 4 + (i % 3)]! * light) / 255);
    });
    await decodes(tiff, expected);
  });
  test('an animation: its first frame', async () => {
    const frames = Buffer.concat([rgb, Buffer.from(rgb).reverse()]);
    const bytes = await sharp(frames, { raw: { width: WIDTH, height: HEIGHT * 2, channels: 3, pageHeight: HEIGHT } }).webp({ lossless: true }).toBuffer(); // prettier-ignore
    await decodes(bytes, rgb);
  });
  test('EXIF orientation is applied, unless ignored', async () => {
    const bytes = await sharp(rgb, raw(3)).withMetadata({ orientation: 6 }).png().toBuffer();
    const turned = await sharp(rgb, raw(3)).rotate(90).raw().toBuffer();
    await decodes(bytes, turned, HEIGHT, WIDTH);
    assert.deepEqual(Buffer.from((await decodeImage(bytes, { ignoreExif: true })).data), Buffer.from(rgb));
  });
  test('colour profiles are ignored', async () => {
    await decodes(await sharp(rgb, raw(3)).withIccProfile('p3').png().toBuffer(), await plain('p3'));
    async function plain(profile: string) {
      const converted = await sharp(rgb, raw(3)).withIccProfile(profile).png().toBuffer();
      return sharp(converted, { ignoreIcc: true }).raw().toBuffer();
    }
  });
  test('AVIF', async () => {
    const bytes = await sharp(rgb, raw(3)).avif({ lossless: true }).toBuffer();
    const { width, height } = await decodeImage(bytes);
    assert.deepEqual([width, height], [WIDTH, HEIGHT]);
  });
  test('a drawing: large enough, and on white', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="10" height="10" fill="#f00"/></svg>';
    const { data, width, height } = await decodeImage(Buffer.from(svg));
    assert.ok(height >= 512 && Math.abs(width / height - 2) < 0.01);
    assert.deepEqual([...data.subarray(0, 3)], [255, 0, 0]);
    assert.deepEqual([...data.subarray((width - 1) * 3, width * 3)], [255, 255, 255]);
  });
  test('a drawing does not read other files', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600"><image href="file:///etc/hostname" width="600" height="600"/></svg>';
    const { data } = await decodeImage(Buffer.from(svg));
    assert.ok(data.every((value) => value === 255));
  });
});

describe('what is no picture', () => {
  for (const [what, bytes, code, message] of [
    ['nothing', Buffer.alloc(0), 'IMAGE_UNREADABLE', /is empty/],
    ['text', Buffer.from('hello\n'), 'IMAGE_UNREADABLE', /it looks like text/],
    ['a web page', Buffer.from('<!doctype html><p>'), 'IMAGE_UNREADABLE', /it looks like a web page/],
    ['BMP', Buffer.from(`BM${'\0'.repeat(60)}`), 'IMAGE_UNREADABLE', /BMP; convert it to PNG/],
    [
      'the beginning of a JPEG',
      Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
      'IMAGE_UNREADABLE',
      /damaged|not an image/,
    ],
    ['noise', Buffer.from(madeUpPixels('noise', 10, 10)), 'IMAGE_UNREADABLE', /its content is unknown/],
  ] as const) {
    test(what, async () => {
      await assert.rejects(decodeImage(bytes), (error) => {
        assert.ok(error instanceof AppError && error.code === code, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

test('a large picture for a figure is reduced while it is decoded', async () => {
  const wide = sharp({ create: { width: 9000, height: 8000, channels: 3, background: '#88aa44' } });
  const bytes = await wide.png({ compressionLevel: 1 }).toBuffer();
  const seen = { size: 8, resize: 8, mode: 'squash', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] } as const; // prettier-ignore
  const prepared = await prepareImage({ file: 'x.png', content: { bytes } }, { decode: {}, preprocessings: [seen], keepOriginal: true }); // prettier-ignore
  assert.ok('pixels' in prepared, JSON.stringify(prepared));
  const { width, height, data } = prepared.original!;
  assert.deepEqual([prepared.width, prepared.height, width, height], [9000, 8000, 1280, 1138]);
  assert.ok(data.every((value, i) => value === [0x88, 0xaa, 0x44][i % 3]));
});

test('for people to look at, transparent pictures lie on white; a network gets the colours without alpha', async () => {
  const alpha = Uint8Array.from(grey, (_, i) => (i % 3 === 0 ? 0 : 255));
  const bytes = await sharp(withAlpha(alpha), raw(4)).png().toBuffer();
  await decodes(bytes, rgb);
  const { data } = await decodeImage(bytes, { onWhite: true });
  assert.deepEqual(
    [...data],
    [...rgb].map((value, i) => (alpha[Math.floor(i / 3)] === 0 ? 255 : value)),
  );
  const prepared = await prepareImage(
    { file: 'x.png', content: { bytes } },
    {
      decode: {},
      preprocessings: [
        {
          size: HEIGHT,
          resize: HEIGHT,
          mode: 'squash',
          interpolation: 'bilinear',
          mean: [0, 0, 0],
          std: [1, 1, 1],
        },
      ],
      keepOriginal: true,
    },
  );
  assert.ok('pixels' in prepared);
  assert.deepEqual(prepared.original, { data, width: WIDTH, height: HEIGHT });
});

test('a picture for a figure is the one on white, also where one decoding does for both', async () => {
  const seen = { size: 8, resize: 8, mode: 'squash', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] } as const; // prettier-ignore
  const alpha = Uint8Array.from(grey, (_, i) => (i % 2 === 0 ? 0 : 255));
  const transparent = sharp(withAlpha(alpha), raw(4));
  const kinds = {
    'png of a palette': transparent.clone().png({ palette: true }),
    webp: transparent.clone().webp({ lossless: true }),
    tiff: transparent.clone().tiff({ compression: 'lzw' }),
    'png without alpha': sharp(rgb, raw(3)).png(),
    jpeg: sharp(rgb, raw(3)).jpeg(),
  };
  for (const [kind, picture] of Object.entries(kinds)) {
    const bytes = await picture.toBuffer();
    const prepared = await prepareImage({ file: kind, content: { bytes } }, { decode: {}, preprocessings: [seen], keepOriginal: true }); // prettier-ignore
    assert.ok('pixels' in prepared, kind);
    assert.equal(prepared.pixels.length, 1);
    const { data } = await decodeImage(bytes, { onWhite: true });
    assert.deepEqual(prepared.original, { data, width: WIDTH, height: HEIGHT }, kind);
  }
});

test('a thumbnail keeps the aspect and never enlarges', async () => {
  const large = { data: new Uint8Array(400 * 100 * 3), width: 400, height: 100 };
  const { jpeg, width, height } = await encodeThumbnail(large, 64);
  assert.deepEqual([width, height, jpeg[0], jpeg[1]], [64, 16, 0xff, 0xd8]);
  const small = { data: rgb, width: WIDTH, height: HEIGHT };
  assert.equal((await encodeThumbnail(small, 64)).width, WIDTH);
});
