// What the studio's page computes without a browser: where cells lie, which are chosen, what is fetched, and what is sent again.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Problem } from '../../src/studio/page/api.ts';
import type { Picture } from '../../src/studio/page/contract.ts';
import {
  boxOf,
  cellsBetween,
  cellsIn,
  geometryOf,
  heightOf,
} from '../../src/studio/page/pictures/geometry.ts';
import { Listing } from '../../src/studio/page/pictures/listing.ts';
import { choose, placeOfKey, toggle } from '../../src/studio/page/pictures/selection.ts';
import { UploadQueue } from '../../src/studio/page/pictures/upload-queue.ts';
import { en } from '../../src/studio/page/words/en.ts';
import { zh } from '../../src/studio/page/words/zh.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';

const TOTAL = 100_000;

test('the cells in a window cover it, wherever it is', () => {
  for (const width of [1, 390, 1000, 2500]) {
    const geometry = geometryOf(width);
    assert.ok(boxOf(geometry.columns - 1, geometry).right <= width + 1e-6);
    const height = heightOf(TOTAL, geometry);
    for (let top = 0; top < height - 800; top += height / 7) {
      const { first, end } = cellsBetween({ top, bottom: top + 800 }, geometry, TOTAL);
      assert.ok(boxOf(first, geometry).top <= top);
      assert.ok(end === TOTAL || boxOf(end, geometry).top >= top + 800);
    }
    assert.deepEqual(cellsBetween({ top: height, bottom: height + 1 }, geometry, TOTAL).end, TOTAL);
  }
});

test('a rectangle chooses what it touches', () => {
  const geometry = geometryOf(1000);
  const { columns } = geometry;
  const box = {
    ...boxOf(0, geometry),
    right: boxOf(1, geometry).left + 1,
    bottom: boxOf(columns, geometry).top + 1,
  };
  assert.deepEqual(cellsIn(box, geometry, TOTAL), [0, 1, columns, columns + 1]);
  assert.deepEqual(cellsIn(box, geometry, columns + 1), [0, 1, columns]);
});

test('keys move within the pictures, and a picture is chosen or not', () => {
  const grid = { columns: 6, rows: 4, total: 20 };
  const places = ['ArrowRight', 'ArrowDown', 'ArrowUp', 'PageDown', 'Home', 'End', 'x'].map((key) =>
    placeOfKey(key, 3, grid),
  );
  assert.deepEqual(places, [4, 9, 3, 19, 0, 19, undefined]);
  const one = choose('a', 0);
  assert.deepEqual([...toggle(one, 'b', 1).ids], ['a', 'b']);
  assert.deepEqual([...toggle(one, 'a', 0).ids], []);
});

describe('a list of pictures', () => {
  const made = (pageSize: number, total: () => number) => {
    const asked: number[] = [];
    const listing = new Listing({
      pageSize,
      fetchPage: (page) => {
        asked.push(page);
        const count = Math.max(0, Math.min(pageSize, total() - page * pageSize));
        const pictures = Array.from({ length: count }, (_, i): Picture => ({
          id: `${page * pageSize + i}`,
          class: null,
        }));
        return Promise.resolve({ revision: 1, total: total(), pictures });
      },
      onChange: () => {},
      onTrouble: assert.ifError,
    });
    return { listing, asked };
  };

  test('asks for a page once, and again after a change', async () => {
    let total = 25;
    const { listing, asked } = made(10, () => total);
    assert.equal(listing.total, undefined);
    const ids = (await listing.between(8, 12)).map(({ id }) => id);
    assert.deepEqual(ids, ['8', '9', '10', '11']);
    await listing.between(0, 20);
    assert.deepEqual(asked, [0, 1]);
    total = 9;
    listing.expire();
    assert.equal(listing.at(15)?.id, '15', 'the old page is shown until the new one is there');
    await listing.between(0, 10);
    assert.deepEqual(asked, [0, 1, 0]);
    assert.equal(listing.at(15), undefined);
  });
});

test('an upload is tried again where nobody answered, and kept with its reason where it was refused', async () => {
  const tries: string[] = [];
  const queue = new UploadQueue(
    (_, { name }) => {
      tries.push(name);
      if (name === 'bad') throw new Problem('no picture', { code: 'IMAGE_INVALID', status: 422 });
      if (tries.filter((each) => each === name).length < 3)
        throw new Problem('', { code: 'OFFLINE', status: 0 });
      return Promise.resolve();
    },
    [0, 0],
  );
  const over = () =>
    new Promise<void>((resolve) => {
      const end = queue.listen(() => {
        if (!queue.progress.isOver) return;
        end();
        resolve();
      });
    });
  const first = over();
  queue.add(['good', 'bad'].map((name) => ({ name, bytes: new Blob(['x']), className: 'cat' })));
  await first;
  assert.deepEqual(tries.toSorted(), ['bad', 'good', 'good', 'good']);
  const { done, failed } = queue.progress;
  assert.equal(done, 1);
  assert.deepEqual(failed.map(({ name, error }) => [name, (error as Error).message]), [['bad', 'no picture']]); // prettier-ignore
  const second = over();
  queue.retry();
  await second;
  assert.equal(queue.progress.failed.length, 1);
  assert.equal(queue.progress.total, 2);
});

test('every sentence is there in both languages, and Chinese ones are Chinese', () => {
  const texts = (words: object, at = ''): [string, unknown][] =>
    Object.entries(words).flatMap(([name, value]: [string, unknown]) =>
      typeof value === 'object' && value !== null ? texts(value, `${at}${name}.`) : [[`${at}${name}`, value]],
    );
  const english = new Map(texts(en));
  const chinese = texts(zh);
  assert.deepEqual(chinese.map(([name]) => name), [...english.keys()]); // prettier-ignore
  for (const [name, text] of chinese) {
    if (typeof text === 'string' && name !== 'code') assert.match(text, /\p{Script=Han}/u, name);
  }
  assert.equal(zh.change('3 pictures to cat'), '将 3 张图片移动到 cat');
  assert.equal(zh.change('a class $& named so added'), '添加 a class $& named so');
});

test("the page's licence text names the version of preact that is in it", () => {
  const read = (...names: string[]) => readFileSync(path.join(PACKAGE_ROOT, ...names), 'utf8');
  const { devDependencies } = JSON.parse(read('package.json')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  assert.ok(read('third-party', 'preact', 'NOTICE').startsWith(`preact ${devDependencies['preact']}\n`));
});
