// `--preview-augment`: the page shows what training will see. And the dataset of drawn shapes: the same from the same seed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { augmentPreviewPage } from '../../src/api/finetune/augment-preview.ts';
import { openLoader } from '../../src/dataset/loader.ts';
import { previewPictures } from '../../src/dataset/preview.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import { IMAGENET_CROP } from '../../src/images/augment/augment.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { createRng } from '../../src/util/rng.ts';

const preprocessing = { size: 32, resize: 36, mode: 'crop', interpolation: 'bilinear', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const; // prettier-ignore
const augment = { crop: IMAGENET_CROP, flip: 0.5 };

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const draw = (folder: string, seed: string) =>
  promisify(execFile)(process.execPath, [
    path.join(PACKAGE_ROOT, 'examples', 'make-shapes.js'),
    folder,
    seed,
  ]);
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-preview-'));
  await draw(at('shapes'), '0');
});
after(() => rm(scratch, { recursive: true, force: true }));

test('shapes: six classes in train/ and val/; the seed decides', async () => {
  const { classes, train, val, layout } = await scanDataset(at('shapes'));
  assert.deepEqual(classes, ['circle', 'cross', 'moon', 'square', 'star', 'triangle']);
  assert.deepEqual([train.length, val?.length, layout], [270, 90, 'train/ and val/']);
  await Promise.all([draw(at('again'), '0'), draw(at('other'), '1')]);
  const file = path.join('train', 'star', 'star-07.png');
  const [first, again, other] = await Promise.all(
    ['shapes', 'again', 'other'].map((name) => readFile(at(name, file))),
  );
  assert.deepEqual(again, first);
  assert.notDeepEqual(other, first);
});

test('a view is the very bytes of the batch that training gets', async () => {
  const { train } = await scanDataset(at('shapes'));
  const samples = train.slice(0, 4);
  const common = { samples, classes: 6, multiLabel: false, augment, rng: createRng(3) };
  const loader = await openLoader({ decode: {}, preprocessing, workers: 1 });
  try {
    const seen = await previewPictures(loader, { ...common, pictures: 9, views: 3 });
    assert.deepEqual(seen.map(({ sample, views }) => [sample, views.length]), samples.map((sample) => [sample, 3])); // prettier-ignore
    for await (const { data } of loader.batches({ ...common, order: [0, 1, 2, 3], batchSize: 4, epoch: 1 })) {
      assert.deepEqual(Buffer.concat(seen.map(({ views }) => views[1]!.pixels)), Buffer.from(data));
    }
  } finally {
    await loader.dispose();
  }
});

test('the page has every picture as it is and augmented', async () => {
  const dataset = await scanDataset(at('shapes'));
  const loader = { decode: {}, preprocessing };
  const page = await augmentPreviewPage({ dataset, samples: dataset.train, loader, augment, rng: createRng(0), title: 'shapes', about: 'flip' }); // prettier-ignore
  assert.equal(page.match(/as it is/g)?.length, 12 * 3); // title, alternative text and caption
  // Names from outside stand between the isolating characters of Unicode; a long path may break behind each folder.
  assert.match(page, /\u2068star\u2069: \u2068train\/<wbr>star\/<wbr>star-\d\d\.png\u2069/);
});
