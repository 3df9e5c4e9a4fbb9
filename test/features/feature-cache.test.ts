// The feature cache: rows come back, damage is not trusted, the limit holds, processes do not disturb each other.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { openFeatureCache, type FeatureCacheOptions } from '../../src/features/cache/feature-cache.ts';
import { HashIndex } from '../../src/features/cache/hash-index.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'finch-cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const NUMBERS = 100;
const hashOf = (name: string) => createHash('sha256').update(name).digest('hex');
const pictureOf = (i: number) => ({ width: 10 + i, height: 20, row: new Float32Array(NUMBERS).fill(i / 4) });
const cache = (options: Partial<FeatureCacheOptions> = {}) =>
  openFeatureCache({ folder, key: { weights: 'w', layer: 'fc' }, numbers: NUMBERS, ...options });

async function filled(count: number, options: Partial<FeatureCacheOptions> = {}, from = 0): Promise<void> {
  const opened = await cache(options);
  for (let i = from; i < from + count; i++) opened.put(hashOf(`${i}`), pictureOf(i));
  await opened.close();
}

async function segments(): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.rows')).map((name) => path.join(folder, name));
}

describe('feature cache', () => {
  test('rows come back in another process, by content and by how they were made', async () => {
    await filled(50);
    const again = await cache();
    assert.equal(again.isEmpty, false);
    for (let i = 0; i < 50; i++) assert.deepEqual(again.get(hashOf(`${i}`)), pictureOf(i));
    assert.equal(again.get(hashOf('50')), undefined);
    await again.close();
    const other = await cache({ key: { weights: 'w', layer: 'avgpool' } });
    assert.equal(other.isEmpty, true);
    assert.equal(other.get(hashOf('1')), undefined);
    await other.close();
  });

  test('any damaged byte makes a miss, and the row can be written again', async () => {
    await filled(3);
    const [file] = await segments();
    const whole = await readFile(file!);
    const size = whole.length / 3;
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(whole);
        bytes[size + at]! ^= change;
        await writeFile(file!, bytes);
        const opened = await cache();
        assert.equal(opened.get(hashOf('1')), undefined);
        assert.deepEqual(opened.get(hashOf('0')), pictureOf(0));
        assert.deepEqual(opened.get(hashOf('2')), pictureOf(2));
        await opened.close();
      }),
      { numRuns: 30 },
    );
    await filled(1, {}, 1);
    const mended = await cache();
    assert.deepEqual(mended.get(hashOf('1')), pictureOf(1));
    await mended.close();
  });

  test('a torn end, as a kill or a full disk leaves it, is passed over', async () => {
    await filled(3);
    const [file] = await segments();
    await truncate(file!, (await stat(file!)).size - 7);
    const opened = await cache();
    assert.deepEqual(opened.get(hashOf('1')), pictureOf(1));
    assert.equal(opened.get(hashOf('2')), undefined);
    await opened.close();
  });

  test('the limit holds: what was used longest ago goes', async () => {
    const record = 32 + 8 + 4 * NUMBERS + 8;
    const limitBytes = record * 25;
    await filled(10, { limitBytes }, 0);
    const [oldest] = await segments();
    await utimes(oldest!, new Date(2020, 1), new Date(2020, 1));
    await filled(10, { limitBytes }, 10);
    await filled(10, { limitBytes }, 20);
    let total = 0;
    for (const file of await segments()) total += (await stat(file)).size;
    assert.ok(total <= limitBytes, `${total} bytes`);
    const opened = await cache();
    assert.equal(opened.get(hashOf('1')), undefined);
    assert.deepEqual(opened.get(hashOf('25')), pictureOf(25));
    await opened.close();
  });

  test('two at once: both write, all is there afterwards', async () => {
    const [one, other] = await Promise.all([cache(), cache()]);
    for (let i = 0; i < 20; i++) {
      one.put(hashOf(`${i}`), pictureOf(i));
      other.put(hashOf(`${i + 10}`), pictureOf(i + 10));
    }
    await Promise.all([one.close(), other.close()]);
    const opened = await cache();
    for (let i = 0; i < 30; i++) assert.deepEqual(opened.get(hashOf(`${i}`)), pictureOf(i));
    await opened.close();
  });

  test('many small runs end up in few files', async () => {
    for (let i = 0; i < 40; i++) await filled(1, {}, i);
    assert.ok((await segments()).length <= 16, `${(await segments()).length} files`);
    const opened = await cache();
    for (let i = 0; i < 40; i++) assert.deepEqual(opened.get(hashOf(`${i}`)), pictureOf(i));
    await opened.close();
  });

  test('a folder that cannot be written is no error', async (t) => {
    if (process.platform === 'win32' || process.getuid?.() === 0) {
      t.diagnostic('as root nothing is forbidden: a file stands in the way instead');
      await writeFile(path.join(folder, 'file'), '');
    }
    await chmod(folder, 0o500);
    const place = process.getuid?.() === 0 ? path.join(folder, 'file') : folder;
    const opened = await cache({ folder: place });
    opened.put(hashOf('1'), pictureOf(1));
    assert.equal(opened.get(hashOf('1')), undefined);
    await opened.close();
    await chmod(folder, 0o700);
  });

  test('the index finds every hash, also equal ones, and no others', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 300 }), (names) => {
        const index = new HashIndex();
        for (const name of names) index.addAll(Buffer.from(hashOf(`${name}`), 'hex'));
        for (let name = 0; name <= 50; name++) {
          const expected = names.flatMap((other, i) => (other === name ? [i] : []));
          assert.deepEqual(
            [...index.find(hashOf(`${name}`))].toSorted((a, b) => a - b),
            expected,
          );
        }
      }),
    );
  });
});
