// Which files of a folder are pictures, and that the others are counted aloud.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { scanDataset } from '../../src/dataset/scan.ts';
import { passedOver } from '../../src/images/passed-over.ts';
import { imageReferences } from '../../src/images/source.ts';
import { makeFifo, NO_FIFO } from '../helpers/special-files.ts';

let scratch = '';
let png = Buffer.alloc(0);
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-passed-'));
  png = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
});
after(() => rm(scratch, { recursive: true, force: true }));

async function folder(name: string, files: Readonly<Record<string, Buffer | string>>): Promise<string> {
  const made = path.join(scratch, name);
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(made, file)), { recursive: true });
    await writeFile(path.join(made, file), content);
  }
  return made;
}

async function look(input: string) {
  const passed = passedOver();
  const files: string[] = [];
  for await (const { file, content } of imageReferences([input], Readable.from([]), undefined, passed)) {
    files.push('error' in content ? `${content.error.code}: ${content.error.message}` : path.basename(file));
  }
  return { files, lines: passed.lines() };
}

const HEIC = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');

describe('files of a folder', () => {
  test('pictures by ending, and by content where the ending says nothing', async () => {
    const made = await folder('mixed', {
      'a.bmp': 'BM',
      'b.PPM': 'P6',
      'c.jpg_large': png,
      'd.jpg?width=300': png,
      e: png,
      'f.12': png,
      'g.svg': '<svg/>',
      'h.unknown': '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
      'i.HEIC': png,
    });
    const { files, lines } = await look(made);
    assert.deepEqual(files, [
      'a.bmp',
      'b.PPM',
      'c.jpg_large',
      'd.jpg?width=300',
      'e',
      'f.12',
      'g.svg',
      'h.unknown',
      'i.HEIC',
    ]);
    assert.deepEqual(lines, []);
  });
  test('the others are counted, those that are pictures of other kinds apart', async () => {
    const made = await folder('others', {
      'a.png': png,
      'b.txt': 'x',
      'in/c.txt': 'x',
      'd.pdf': png,
      README: 'A letter',
      'e.HEIC': HEIC,
      IMG_0001: HEIC,
      'f.jp2': 'x',
    });
    const { files, lines } = await look(made);
    assert.deepEqual(files, ['a.png']);
    assert.deepEqual(lines, [
      'passed over: 4 files that are no pictures (.txt 2, no ending 1, .pdf 1)',
      'passed over: 3 pictures of kinds that are not read (no ending 1, .heic 1, .jp2 1); convert them to JPEG or PNG',
    ]);
  });
  test('a pattern counts what matches it', async () => {
    await folder('glob', { 'a.png': png, 'a.txt': 'x', 'b.txt': 'x' });
    const { files, lines } = await look(path.join(scratch, 'glob', 'a.*'));
    assert.deepEqual(files, ['a.png']);
    assert.deepEqual(lines, ['passed over: 1 file that is no picture (.txt 1)']);
  });
  test(
    'a named pipe without an ending does not stop the look',
    { skip: NO_FIFO, timeout: 5000 },
    async () => {
      const made = await folder('pipe', { 'a.png': png });
      makeFifo(path.join(made, 'pipe'));
      assert.deepEqual((await look(made)).files, ['a.png']);
    },
  );
  test('many endings are summed up', () => {
    const passed = passedOver();
    for (let i = 0; i < 9; i++) passed.add(`x.e${i}`, 'other');
    assert.match(
      passed.lines()[0]!,
      /^passed over: 9 files .*\(\.e0 1, \.e1 1, \.e2 1, \.e3 1, \.e4 1, …\)$/,
    );
  });
});

test('a dataset: a class of bitmaps alone is a class, and what is left out is said', async () => {
  const made = await folder('dataset', {
    'cat/1.bmp': 'BM',
    'dog/1.png': png,
    'dog/2.heic': HEIC,
    'dog/notes.txt': 'x',
  });
  const { classes, train, remarks } = await scanDataset(made);
  assert.deepEqual([classes, train.length], [['cat', 'dog'], 2]);
  assert.deepEqual(remarks, [
    'passed over: 1 file that is no picture (.txt 1)',
    'passed over: 1 picture of a kind that is not read (.heic 1); convert them to JPEG or PNG',
  ]);
});
