// picture-count.test.ts: how many pictures there are, known while they are worked on.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { extractFeatures } from '../../src/api/extract.ts';
import { pictureCount } from '../../src/api/picture-count.ts';
import type { Progress, Work } from '../../src/api/work.ts';
import { extractConfig } from '../../src/config/features.ts';
import { draw } from '../helpers/pictures.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

test('pictures of folders, lists and names are counted; what comes on stdin is not', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-count-'));
  try {
    for (const name of ['a.png', 'b.jpg', 'notes.txt']) await writeFile(path.join(folder, name), '');
    await writeFile(path.join(folder, 'list.txt'), `${folder}/a.png\n${folder}/b.jpg\n`);
    const { signal } = new AbortController();
    const count = pictureCount([folder, `@${folder}/list.txt`, `${folder}/none.png`], signal);
    assert.equal(count(), undefined, 'nothing waits for it');
    while (count() === undefined) await sleep(5);
    assert.equal(count(), 5);
    const unknown = pictureCount([folder, '-'], signal);
    unknown();
    await sleep(50);
    assert.equal(unknown(), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('extract-features tells it on the way', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-count-'));
  try {
    const model = path.join(folder, 'model');
    await writeSmallModel(model);
    await mkdir(path.join(folder, 'pictures'));
    for (const name of ['a', 'b', 'c']) await draw(path.join(folder, 'pictures', `${name}.png`), 'disc');
    const config = extractConfig([path.join(folder, 'pictures')], {
      model,
      out: path.join(folder, 'f.npy'),
      cache: false,
      dtype: 'float32',
      exif: true,
    });
    const told: Progress[] = [];
    const work: Work = {
      signal: new AbortController().signal,
      note: () => {},
      progress: (progress) => void told.push(progress),
    };
    await extractFeatures(config, { stdin: Readable.from([]), total: () => 3 }, work);
    const last = told.findLast(({ task }) => task === 'features')!;
    assert.equal(last.total, 3);
    assert.match(last.text, /^3 of 3 pictures in /);
  } finally {
    await rm(folder, { recursive: true });
  }
});
