// Batches: the same whatever the number of workers and whatever memory holds; broken pictures left out; memory bounded.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  openLoader,
  type EpochOptions,
  type LoadedBatch,
  type LoaderOptions,
} from '../../src/dataset/loader.ts';
import { pictureCache } from '../../src/dataset/picture-cache.ts';
import { epochOrder } from '../../src/dataset/sampler.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import type { Dataset } from '../../src/dataset/dataset.ts';
import { IMAGENET_CROP } from '../../src/images/augment/augment.ts';
import { prepareImage } from '../../src/images/prepare.ts';
import { createRng } from '../../src/util/rng.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';

const preprocessing = { size: 32, resize: 36, mode: 'crop', interpolation: 'bilinear', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const; // prettier-ignore

let scratch = '';
let dataset: Dataset;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-loader-'));
  await writeDataset(path.join(scratch, 'set'), ['a', 'b', 'c'], 4);
  await writeFile(path.join(scratch, 'set', 'b', 'broken.jpg'), 'no picture');
  dataset = await scanDataset(path.join(scratch, 'set'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const augment = { crop: IMAGENET_CROP, flip: 0.5, policy: { name: 'trivial' } } as const;

async function epoch(
  options: Partial<LoaderOptions> = {},
  more: Partial<EpochOptions> = {},
): Promise<LoadedBatch[]> {
  const loader = await openLoader({ decode: {}, preprocessing, workers: 1, ...options });
  const rng = createRng(6);
  const labels = dataset.train.map((sample) => sample.labels);
  const order = epochOrder({ sampler: 'shuffle', labels, classes: 3, epoch: 2, rng });
  try {
    return await collect(
      loader.batches({ samples: dataset.train, order, batchSize: 4, classes: 3, multiLabel: false, augment, epoch: 2, rng, ...more }), // prettier-ignore
    );
  } finally {
    await loader.dispose();
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const bytesOf = (batches: readonly LoadedBatch[]) =>
  batches.map(({ data }) => Buffer.from(data).toString('base64'));

test('the same batches from one worker, from three, with little memory, and from the middle of the epoch', async () => {
  const one = await epoch();
  assert.deepEqual(bytesOf(await epoch({ workers: 3 })), bytesOf(one));
  assert.deepEqual(bytesOf(await epoch({ memory: 0 })), bytesOf(one));
  assert.deepEqual(bytesOf(await epoch({}, { skip: 2 })), bytesOf(one).slice(2));
  assert.notDeepEqual(bytesOf(await epoch({}, { epoch: 3 })), bytesOf(one));
});

test('a broken picture is left out, named, and its place is not filled', async () => {
  const batches = await epoch();
  assert.deepEqual(
    batches.map(({ count }) => count).reduce((a, b) => a + b),
    12,
  );
  for (const { data, count, targets, samples } of batches) {
    assert.equal(data.length, count * 32 * 32 * 3);
    assert.ok('classes' in targets);
    assert.deepEqual([...targets.classes], samples.map((i) => dataset.train[i]!.labels[0])); // prettier-ignore
  }
  const failed = batches.flatMap((batch) => batch.failed);
  assert.deepEqual(failed.map(({ sample, error }) => [sample.file, error.code]), [['b/broken.jpg', 'IMAGE_UNREADABLE']]); // prettier-ignore
});

test('without augmentation the pixels are what classify sees', async () => {
  const order = [...dataset.train.keys()];
  const batches = await epoch({}, { augment: undefined as never, order });
  let i = 0;
  for (const { data, samples } of batches) {
    for (const [at, sample] of samples.entries()) {
      const { file, path: from } = dataset.train[sample]!;
      const seen = await prepareImage(
        { file, content: { path: from } },
        { decode: {}, preprocessings: [preprocessing], keepOriginal: false },
      );
      assert.ok('pixels' in seen);
      assert.deepEqual(Buffer.from(data.subarray(at * 3072, (at + 1) * 3072)), Buffer.from(seen.pixels[0]!));
      i += 1;
    }
  }
  assert.equal(i, 12);
});

test('mixed batches have soft targets that sum to 1', async () => {
  const plain = await epoch();
  for (const mix of [{ mixup: 0.4 }, { cutmix: 1 }, { mixup: 0.4, cutmix: 1 }]) {
    const batches = await epoch({ workers: 2 }, { mix });
    assert.notDeepEqual(bytesOf(batches), bytesOf(plain));
    for (const { targets, count } of batches) {
      assert.ok('probabilities' in targets);
      for (let i = 0; i < count; i++) {
        const sum = targets.probabilities.subarray(i * 3, i * 3 + 3).reduce((a, b) => a + b);
        assert.ok(Math.abs(sum - 1) < 1e-6);
      }
    }
  }
});

test('what is asked for once is kept neither in memory nor on disk', async () => {
  const folder = path.join(scratch, 'nothing');
  const loader = await openLoader({ decode: {}, preprocessing, workers: 1, disk: { folder, limit: 10_000_000 } }); // prettier-ignore
  const order = [...dataset.train.keys()];
  const common = { samples: dataset.train, order, batchSize: 4, classes: 3, multiLabel: false, epoch: 0, rng: createRng(1) } as const; // prettier-ignore
  const once = await collect(loader.batches({ ...common, once: true }));
  assert.equal(loader.held, 0);
  await assert.rejects(readdir(folder));
  assert.deepEqual(bytesOf(await collect(loader.batches(common))), bytesOf(once));
  assert.equal(loader.held, 12 * 32 * 32 * 3);
  await loader.dispose();
});

test('a survey names what cannot be read and fills memory; the disk keeps it for the next run', async () => {
  const disk = { folder: path.join(scratch, 'cache'), limit: 10_000_000 };
  const loader = await openLoader({ decode: {}, preprocessing, workers: 2, disk });
  const progress: number[] = [];
  const failed = await loader.survey(dataset.train, 'whole', (done) => progress.push(done));
  await loader.dispose();
  assert.deepEqual(failed.map(({ sample }) => sample.file), ['b/broken.jpg']); // prettier-ignore
  assert.equal(progress.at(-1), 13);
  assert.ok(loader.held > 12 * 36 * 36 * 3);
  const files = (await readdir(disk.folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  assert.equal(files.length, 12);
  assert.deepEqual(bytesOf(await epoch({ disk })), bytesOf(await epoch()));
  // A file that was cut short is not believed.
  for (const { parentPath, name } of files) await writeFile(path.join(parentPath, name), 'FNPX');
  assert.deepEqual(bytesOf(await epoch({ disk })), bytesOf(await epoch()));
  assert.deepEqual(bytesOf(await epoch({ disk: { ...disk, limit: 100 } })), bytesOf(await epoch()));
  const left = (await readdir(disk.folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  assert.ok(left.length <= 1, 'a smaller limit clears what is too much');
});

test('memory lets go of what was not used longest', () => {
  const cache = pictureCache(30);
  const picture = (bytes: number) => ({ data: new Uint8Array(bytes), width: 1, height: 1 });
  cache.set('a', picture(10));
  cache.set('b', picture(10));
  cache.set('c', picture(10));
  assert.ok(cache.get('a'));
  cache.set('d', picture(15));
  assert.deepEqual(['a', 'b', 'c', 'd'].map((key) => cache.get(key) !== undefined), [true, false, false, true]); // prettier-ignore
  assert.equal(cache.bytes, 25);
  cache.set('a', picture(12));
  assert.equal(cache.bytes, 27);
  cache.set('huge', picture(31));
  assert.equal(cache.bytes, 27);
});
