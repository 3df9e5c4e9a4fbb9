// Pictures that are made to take memory and time: refused by what they say of themselves, or read without the part that would.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { decodeImage } from '../../../src/images/decode.ts';
import { foreignKind, kindOf } from '../../../src/images/files/kinds.ts';
import { readPng } from '../../../src/images/files/png.ts';
import { checkDrawing } from '../../../src/images/files/svg.ts';
import { AppError } from '../../../src/util/errors.ts';
import { UNFOLDING, unfolding, type UnfoldingKind } from '../../helpers/bombs.ts';
import { madeUpPixels } from '../../helpers/lcg.ts';

const rgb = madeUpPixels('hostile', 9, 9);
const picture = () => sharp(rgb, { raw: { width: 9, height: 9, channels: 3 } });

const refused = (action: Promise<unknown> | (() => void), code: string, message: RegExp) =>
  assert.rejects(
    async () => (typeof action === 'function' ? action() : action),
    (error) => {
      assert.ok(error instanceof AppError && error.code === code, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n') && error.message.length < 400, error.message);
      return true;
    },
  );

function chunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data, Buffer.alloc(4)]);
}

/** The chunk behind the header of a PNG. */
function withChunks(png: Buffer, ...chunks: Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

describe('PNG', () => {
  test('packed texts that unfold into gigabytes are left out; the picture is the same', async () => {
    const packed = deflateSync(Buffer.alloc(20 * 1024 * 1024));
    const text = chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), packed]));
    const profile = chunk('iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), packed]));
    const plain = await picture().png().toBuffer();
    const bomb = withChunks(plain, profile, text, text);
    assert.equal(readPng(bomb)!.bytes.length, plain.length);
    assert.deepEqual(Buffer.from((await decodeImage(bomb)).data), Buffer.from(rgb));
  });
  test('ordinary ones are the same bytes', async () => {
    const plain = withChunks(await picture().png().toBuffer(), chunk('zTXt', Buffer.alloc(900)));
    assert.equal(readPng(plain)!.bytes, plain);
  });
  test('the orientation stays where texts go', async () => {
    const tagged = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    const bomb = withChunks(tagged, chunk('iTXt', Buffer.alloc(40_000)));
    assert.deepEqual((await decodeImage(bomb)).data, (await decodeImage(tagged)).data);
  });
  test('a chunk longer than the file ends the walk', () => {
    const bytes = Buffer.alloc(60);
    bytes.write('\x89PNG\r\n\x1a\n', 0, 'latin1');
    bytes.write('IHDR', 12, 'latin1');
    bytes.writeUInt32BE(0xffffffff, 33);
    assert.equal(readPng(bytes)!.bytes, bytes);
  });
});

describe('sizes are refused before anything is decoded', () => {
  const gif = Buffer.from(
    'GIF89a\xff\xff\xff\xff\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;',
    'latin1',
  );
  const bmp = Buffer.alloc(60);
  bmp.write('BM');
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(50_000, 18);
  bmp.writeInt32LE(-50_000, 22);
  bmp.writeUInt16LE(24, 28);
  const jpeg = Buffer.from('ffd8ffc0001108ffffffff03011100021100031100', 'hex');
  for (const [name, bytes, size] of [
    ['GIF', gif, '65535x65535'],
    ['BMP', bmp, '50000x50000'],
    ['PPM', Buffer.from('P6 90000 90000 255\n'), '90000x90000'],
    ['JPEG', jpeg, '65535x65535'],
  ] as const) {
    test(name, () =>
      refused(decodeImage(bytes), 'IMAGE_TOO_LARGE', new RegExp(`the picture is ${size}, the limit`)),
    );
  }
  test('a large one of a kind that is decoded as a whole, in a tiny file', async () => {
    const lossless = await picture().png({ progressive: true }).toBuffer();
    lossless.writeUInt32BE(13_000, 16);
    lossless.writeUInt32BE(13_000, 20);
    await refused(
      decodeImage(lossless),
      'IMAGE_TOO_LARGE',
      /13000x13000 in a file of \d+ bytes.*--max-pixels/,
    );
    await refused(decodeImage(lossless, { maxPixels: 170_000_000 }), 'IMAGE_UNREADABLE', /damaged/);
  });
  for (const kind of Object.keys(UNFOLDING) as UnfoldingKind[]) {
    test(`${kind}: a few bytes that take more memory than a picture may`, async () => {
      const bytes = await unfolding(kind, UNFOLDING[kind] + 100);
      await refused(decodeImage(bytes), 'IMAGE_TOO_LARGE', /in a file of \d+ bytes, the limit is \d+ pixels; raise it with --max-pixels/); // prettier-ignore
    });
  }
  test('a PPM as text that says more than it has takes no memory', () =>
    refused(
      decodeImage(Buffer.from('P3 9000 9000 255\n1 2 3')),
      'IMAGE_UNREADABLE',
      /ends before its last row/,
    ));
  test('one row of a hundred million pixels', async () => {
    const wide = await picture().png().toBuffer();
    wide.writeUInt32BE(100_000_000, 16);
    wide.writeUInt32BE(1, 20);
    await refused(decodeImage(wide), 'IMAGE_TOO_LARGE', /100000000x1 in a file of \d+ bytes/);
  });
  test('one row and one column of millions of bits', async () => {
    const bits = (width: number, height: number) =>
      Buffer.concat([Buffer.from(`P4 ${width} ${height}\n`), Buffer.alloc(Math.ceil(width / 8) * height)]);
    await refused(decodeImage(bits(100_000_000, 1)), 'IMAGE_TOO_LARGE', /100000000x1 in a file of \d+ bytes/);
    await refused(decodeImage(bits(8, 1_500_000)), 'IMAGE_TOO_LARGE', /8x1500000 in a file of \d+ bytes/);
    const bmp = Buffer.alloc(62 + 12_500_000);
    bmp.write('BM');
    bmp.writeUInt32LE(40, 14);
    bmp.writeInt32LE(100_000_000, 18);
    bmp.writeInt32LE(1, 22);
    bmp.writeUInt16LE(1, 28);
    await refused(decodeImage(bmp), 'IMAGE_TOO_LARGE', /100000000x1 in a file of \d+ bytes/);
  });
  test('a header that no decoder reads is damaged, and not another kind of file', () =>
    refused(decodeImage(Buffer.concat([Buffer.from('II*\0\x08\0\0\0\x01\0', 'latin1'), Buffer.alloc(40)])), 'IMAGE_UNREADABLE', /^the image is damaged/)); // prettier-ignore
  test('a progressive JPEG with thousands of scans', async () => {
    const whole = await picture().jpeg({ progressive: true }).toBuffer();
    const frame = whole.indexOf(Buffer.from([0xff, 0xc2]));
    whole.writeUInt16BE(12_000, frame + 5);
    whole.writeUInt16BE(12_000, frame + 7);
    const scans = Buffer.from('ffda0008010100003f00'.repeat(500), 'hex');
    await refused(decodeImage(Buffer.concat([whole, scans])), 'IMAGE_TOO_LARGE', /12000x12000 in \d+ scans/);
    // Decoders pass over what stands between the segments.
    const begin = Buffer.from('ffd80000ffd0', 'hex');
    await refused(
      decodeImage(Buffer.concat([begin, whole.subarray(2), scans])),
      'IMAGE_TOO_LARGE',
      /12000x12000 in \d+ scans/,
    );
  });
});

test('a TGA is not called an icon', () => {
  assert.equal(foreignKind(Buffer.from([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 24, 0])), 'its content is unknown'); // prettier-ignore
  assert.match(foreignKind(Buffer.from([0, 0, 1, 0, 2, 0, 16, 16])), /icon/);
});

describe('drawings', () => {
  const svg = (inside: string, size = 'width="64" height="64"') =>
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${inside}</svg>`);
  const check = (bytes: Buffer) => () => checkDrawing(bytes, () => undefined);

  test('a thin one is drawn as large as it can be', async () => {
    const { width, height } = await decodeImage(
      svg('<rect width="4000" height="1"/>', 'width="4000" height="1"'),
    );
    assert.ok(width > 4000 && width < 40_000 && height >= 1, `${width}x${height}`);
  });
  test('an empty one is called empty, not damaged', async () => {
    const empty = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
    await refused(
      decodeImage(empty),
      'IMAGE_UNREADABLE',
      /^the drawing is empty: its width or height is 0, or nothing is in it$/,
    );
    await refused(
      decodeImage(svg('<rect/>', 'width="0" height="9"')),
      'IMAGE_UNREADABLE',
      /the drawing is empty/,
    );
  });
  test('one that is too large to draw is not called damaged', () =>
    refused(decodeImage(svg('<rect width="9" height="9"/>', 'width="1e9" height="1e9"')), 'IMAGE_UNREADABLE', /^the drawing has no size that can be drawn/)); // prettier-ignore
  test('a million elements', () =>
    refused(
      check(svg('<path d="M0 0L9 9"/>'.repeat(1_000_000))),
      'IMAGE_TOO_LARGE',
      /more than 100,000 elements/,
    ));
  for (const reference of ['<use href="#a0"/>', '<g fill="url(#a0)"/>', "<g mask='url( #a0 )'/>"]) {
    test(`powers of ${reference}`, () => {
      const levels = Array.from({ length: 12 }, (_, i) => {
        return `<g id="a${i + 1}">${reference.replace('a0', `a${i}`).repeat(10)}</g>`;
      });
      const bytes = svg(`<g id="a0"><rect/></g>${levels.join('')}`);
      return refused(check(bytes), 'IMAGE_TOO_LARGE', /elements to draw/);
    });
  }
  test('references in a circle end', () =>
    check(svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'))());
  test('a hundred thousand levels deep', () => check(svg('<g>'.repeat(90_000)))());
  test('filters of thousands of steps', () =>
    refused(check(svg(`<filter id="f">${'<feTurbulence/>'.repeat(200)}</filter><g filter="url(#f)"/>`)), 'IMAGE_TOO_LARGE', /elements to draw/)); // prettier-ignore
  test('entities within entities', () =>
    refused(check(Buffer.from('<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>')), 'IMAGE_TOO_LARGE', /entities within entities/)); // prettier-ignore
  test('text that only looks like tags is gone through once', () => {
    const started = performance.now();
    for (const piece of [
      '<a "',
      '<!--',
      '<![CDATA[',
      '<!ENTITY a "',
      "<a b='",
      '&a;',
      ' id=',
      'data:image/png;base64,',
    ]) {
      check(svg(piece.repeat(200_000)))();
    }
    assert.ok(performance.now() - started < 3000);
  });
  test('one that does not end is given up after 2 s of work', { timeout: 60_000 }, async () => {
    const steps = '<feGaussianBlur stdDeviation="900"/><feMorphology operator="dilate" radius="900"/><feTurbulence numOctaves="200" baseFrequency="0.9"/>'; // prettier-ignore
    const bytes = svg(
      `<filter id="f" x="0" y="0" width="1" height="1">${steps.repeat(20)}</filter><rect filter="url(#f)" width="2000" height="2000"/>`,
      'width="2000" height="2000"',
    );
    await refused(decodeImage(bytes), 'IMAGE_TOO_SLOW', /takes more than 2 s/);
    // The next one has a new process.
    assert.equal((await decodeImage(svg('<rect width="9" height="9"/>'))).height, 512);
  });
  test('packed with gzip, and a gzip that is none', async () => {
    assert.equal((await decodeImage(gzipSync(svg('<rect/>')))).height, 512);
    await refused(decodeImage(gzipSync('hello')), 'IMAGE_UNREADABLE', /packed with gzip/);
    await refused(
      decodeImage(Buffer.from('\x1f\x8b\x08 cut', 'latin1')),
      'IMAGE_UNREADABLE',
      /packed with gzip/,
    );
    await refused(
      decodeImage(gzipSync(Buffer.alloc(100 * 1024 * 1024))),
      'IMAGE_TOO_LARGE',
      /unpacks to more/,
    );
  });
});

describe('what a file is, by its first bytes', () => {
  for (const [text, kind] of [
    ['<?xml version="1.0"?><!-- by an editor --><!DOCTYPE svg [<!ENTITY a "b">]><svg>', 'svg'],
    ['\xef\xbb\xbf <svg:svg xmlns:svg="x">', 'svg'],
    ['<html><svg>', undefined],
    ['\0\0\0\x20ftypavif\0\0\0\0avifmif1', 'avif'],
    ['\0\0\0\x20ftypmif1\0\0\0\0mif1avif', 'avif'],
    ['\0\0\0\x20ftypmif1\0\0\0\0mif1heic', undefined],
    ['BMW is a car, and this is a letter about it', undefined],
    ['P5 is a processor', 'netpbm'],
  ] as const) {
    test(JSON.stringify(text), () => assert.equal(kindOf(Buffer.from(text, 'latin1')), kind));
  }
  test('comments without end are looked through once', () => {
    const started = performance.now();
    for (const piece of ['<!---->', '<!--', '<?a?>', '<!DOCTYPE [']) kindOf(Buffer.from(piece.repeat(2000)));
    assert.ok(performance.now() - started < 500);
  });
  for (const [text, said] of [
    ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', /HEIC; convert it to JPEG/],
    ['\0\0\0\x18ftypmif1\0\0\0\0mif1heix', /HEIC/],
    ['\0\0\0\x0cjP  \r\n\x87\n', /JPEG 2000/],
    ['8BPS\0\x01', /Photoshop/],
    ['%PDF-1.7', /PDF/],
    ['\0\0\0\x18ftypcrx \0\0\0\x01crx isom', /a raw photo; develop/],
    ['\0\0\0\x18ftypisom\0\0\0\0isomavc1', /video/],
    ['\0'.repeat(60), /zeros alone/],
    ['\xff'.repeat(60), /unknown/],
  ] as const) {
    test(`foreign: ${JSON.stringify(text)}`, () =>
      assert.match(foreignKind(Buffer.from(text, 'latin1')), said));
  }
});

test('a TIFF of luma and chroma without a width', async () => {
  const directory = [[256, 0], [257, 7], [258, 8], [259, 1], [262, 6], [277, 3], [530, 1]]; // prettier-ignore
  const bytes = Buffer.alloc(8 + 2 + 12 * directory.length + 4);
  bytes.write('II*\0\x08\0\0\0', 'latin1');
  bytes.writeUInt16LE(directory.length, 8);
  directory.forEach(([tag, value], i) => {
    bytes.writeUInt16LE(tag!, 10 + 12 * i);
    bytes.writeUInt16LE(3, 12 + 12 * i);
    bytes.writeUInt32LE(1, 14 + 12 * i);
    bytes.writeUInt16LE(value!, 18 + 12 * i);
  });
  await refused(decodeImage(bytes), 'IMAGE_UNREADABLE', /its header says 0x7/);
});

describe('almost black pictures of many bits have a remark', () => {
  const values = (most: number) => Uint16Array.from({ length: 81 }, (_, i) => Math.round((i * most) / 80));
  test('12 bits in 16', async () => {
    const { remark } = await decodeImage(tiffOf(values(4095)));
    assert.match(remark ?? '', /almost black: its 16 bits are taken for the whole range/);
  });
  test('the whole range has none', async () => {
    assert.equal((await decodeImage(tiffOf(values(65_535)))).remark, undefined);
    assert.equal((await decodeImage(await picture().png().toBuffer())).remark, undefined);
  });
});

/** A grey TIFF of 9x9 numbers with 16 bits. */
function tiffOf(values: Uint16Array): Buffer {
  const entries = [[256, 9], [257, 9], [258, 16], [259, 1], [262, 1], [273, 8], [277, 1], [278, 9], [279, 162]]; // prettier-ignore
  const directory = Buffer.alloc(2 + 12 * entries.length + 4);
  directory.writeUInt16LE(entries.length);
  entries.forEach(([tag, value], i) => {
    const at = 2 + 12 * i;
    directory.writeUInt16LE(tag!, at);
    directory.writeUInt16LE(4, at + 2);
    directory.writeUInt32LE(1, at + 4);
    directory.writeUInt32LE(value!, at + 8);
  });
  const header = Buffer.from('II*\0\0\0\0\0', 'latin1');
  header.writeUInt32LE(8 + 162, 4);
  return Buffer.concat([header, Buffer.from(values.buffer), directory]);
}
