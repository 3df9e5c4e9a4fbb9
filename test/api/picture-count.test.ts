// picture-count.test.ts: how many pictures there are, known while they are worked on.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pictureCount } from '../../src/api/picture-count.ts';

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
