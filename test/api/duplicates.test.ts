// Many pictures that are one picture: each is decoded once, and the comparison can be ended.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { confirmPairs } from '../../src/api/inspect/duplicates.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

const [COUNT, WIDTH, HEIGHT] = [60, 1200, 900];
let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'finch-copies-'));
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  const data = madeUpPixels('copies', HEIGHT, WIDTH);
  // The last one differs in a pixel.
  await sharp(data, { raw }).png({ compressionLevel: 1 }).toFile(path.join(folder, '0.png'));
  for (let i = 1; i < COUNT - 1; i++) await sharp(path.join(folder, '0.png')).png({ compressionLevel: 1 }).toFile(path.join(folder, `${i}.png`)); // prettier-ignore
  data[0]! ^= 128;
  await sharp(data, { raw })
    .png({ compressionLevel: 1 })
    .toFile(path.join(folder, `${COUNT - 1}.png`));
});
after(() => rm(folder, { recursive: true, force: true }));

const pictures = Array.from({ length: COUNT }, (_, i) => i);
const pairs = pictures.flatMap((a) => pictures.slice(a + 1).map((b) => ({ a, b, similarity: 1 })));
const candidates = () =>
  pictures.map((i) => {
    const file = path.join(folder, `${i}.png`);
    return { file, content: { path: file }, width: WIDTH, height: HEIGHT };
  });

test('each picture is decoded once, however many it is compared with', async () => {
  const began = process.cpuUsage();
  const told: number[] = [];
  const same = await confirmPairs(pairs, candidates(), { decode: {}, onProgress: (done) => told.push(done) });
  const { user, system } = process.cpuUsage(began);
  assert.equal(same.length, pairs.length);
  for (const { a, b, isIdentical } of same) assert.equal(isIdentical, a !== COUNT - 1 && b !== COUNT - 1, `${a} ${b}`); // prettier-ignore
  assert.ok(told.at(-1)! > COUNT);
  // Two decodings for each of the 1,770 pairs took more than a minute of a processor; one for each picture takes about two seconds.
  assert.ok(user + system < 20e6, `${(user + system) / 1e6} s of a processor`);
});

test('what throws in between ends it', async () => {
  const stop = new Error('stop');
  const onProgress = (done: number) => {
    if (done > 0) throw stop;
  };
  await assert.rejects(confirmPairs(pairs, candidates(), { decode: {}, onProgress }), stop);
});
