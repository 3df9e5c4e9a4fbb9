// What the folders of a dataset mean: which win, what is left out and said, what is refused. finetune and evaluate (scanDataset) and
// inspect (placesIn) have to agree. No file here is a picture: nothing opens one.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkTrainable, type Dataset } from '../../src/dataset/dataset.ts';
import { placesIn } from '../../src/dataset/places.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import { splitNamed } from '../../src/dataset/split-names.ts';
import { AppError } from '../../src/util/errors.ts';

let scratch = '';
let made = 0;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-layout-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A folder with these files, separated by blanks; one that ends in / is an empty folder; `cat:2` are two pictures. */
async function tree(files: string): Promise<string> {
  const root = path.join(scratch, `set-${made++}`);
  await mkdir(root);
  for (const word of files.split(/\s+/).filter(Boolean)) {
    const [name = '', count] = word.split(':');
    const names = count === undefined ? [name] : Array.from({ length: Number(count) }, (_, i) => `${name}/${i}.jpg`); // prettier-ignore
    for (const each of names) {
      const file = path.join(root, each);
      await mkdir(each.endsWith('/') ? file : path.dirname(file), { recursive: true });
      if (!each.endsWith('/')) await writeFile(file, each);
    }
  }
  return root;
}

/** Pictures by part and class: `train:cat 6`. */
function counts({ classes, train, val, test, judge = 'val' }: Dataset): Record<string, number> {
  const found: Record<string, number> = {};
  const name = val ? 'train' : '';
  for (const [split, samples] of [
    [test || val ? 'train' : name, train],
    [judge, val ?? []],
    ['test', test ?? []],
  ] as const) {
    for (const { labels } of samples) {
      const key = `${split}:${classes[labels[0]!]}`;
      found[key] = (found[key] ?? 0) + 1;
    }
  }
  return found;
}

async function countedByInspect(root: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { split, className } of (await placesIn(root)).pictures.values()) {
    const key = `${split}:${className}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

const DIVIDED = 'train/cat:4 train/dog:4 val/cat:2 val/dog:2';
const IN_PARTS = { 'train:cat': 4, 'train:dog': 4, 'val:cat': 2, 'val:dog': 2 };

describe('a part wins over its siblings, which are left out by name', () => {
  const table: readonly (readonly [beside: string, said: RegExp])[] = [
    ['__MACOSX/train/cat:1', /left out: 1 folder that a system or tool keeps for itself, "__MACOSX"/],
    ['notes:3', /left out in .*: "notes \(3 pictures\)"/],
    ['notes/today.txt', /left out in .*: "notes"/],
    ['models/net.pth', /left out in .*: "models"/],
    ['runs/set-1/metrics.csv runs/set-1/best/model.json runs/set-1/figure.png', /"runs \(1 picture\)"/],
    ['best/model.json last/model.json checkpoint/state.json', /"best", "checkpoint", "last"/],
    ['cat:2 dog:2', /"cat \(2 pictures\)", "dog \(2 pictures\)"/],
    ['test:4', /"test \(4 pictures\)"/],
    ['test/images:4', /"test \(4 pictures\)"/],
    ['test/test/unknown:4', /"test \(4 pictures\)"/],
    ['test/', /left out in .*: "test"/],
    ['trainval/cat:2 trainval/dog:2', /"trainval \(4 pictures\)"/],
    ['train/cover.jpg', /1 picture beside the class folders is left out/],
    ['cover.jpg', /1 picture beside the class folders is left out/],
    ['train/notes/readme.md', /left out in .*train: "notes"/],
    [
      'train/cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg',
      /1 folder that a system or tool keeps for itself, "@eaDir"/,
    ],
    ['train/$RECYCLE.BIN:1 val/lost+found:2', /2 folders that a system or tool keeps for itself/],
  ];
  for (const [beside, said] of table) {
    test(beside, async () => {
      const root = await tree(`${DIVIDED} ${beside}`);
      const dataset = await scanDataset(root);
      assert.deepEqual(counts(dataset), IN_PARTS);
      assert.deepEqual(await countedByInspect(root), IN_PARTS);
      assert.match(dataset.remarks.join('\n'), said);
    });
  }
  test('hidden folders are passed over without a word', async () => {
    const root = await tree(`${DIVIDED} .thumbnails/cat:1 train/.ipynb_checkpoints:1 train/cat/._0.jpg val/cat/Thumbs.db`); // prettier-ignore
    const dataset = await scanDataset(root);
    assert.deepEqual([counts(dataset), dataset.remarks], [IN_PARTS, []]);
  });
});

describe('names of parts', () => {
  const names: readonly (readonly [string, string | undefined])[] = [
    ['validate', 'val'], ['training_set', 'train'], ['test_set', 'test'], ['train_data', 'train'], ['seg_train', 'train'], ['seg_test', 'test'],
    ['trainval', 'train'], ['dev', 'val'], ['holdout', 'test'], ['hold-out', 'test'], ['Training Set', 'train'], ['valset', 'val'], ['testData', 'test'],
    ['train2017', 'train'], ['val-images', 'val'], ['evaluation', 'test'], ['训练集', 'train'], ['测试集', 'test'], ['TrainingData', 'train'],
    ['trainer', undefined], ['test_tube', undefined], ['bullet train', undefined], ['seg_pred', undefined], ['data', undefined], ['', undefined],
    ['Trainingsdaten', 'train'], ['Testdaten', 'test'], ['apprentissage', 'train'], ['обучение', 'train'], ['테스트', 'test'],
    ['valley', undefined], ['contest', undefined], ['model_train', undefined],
  ]; // prettier-ignore
  test('with what may stand beside them', () => {
    for (const [name, split] of names) assert.equal(splitNamed(name), split, name);
  });
  for (const [train, judge, part] of [
    ['training_set', 'test_set', 'test'],
    ['seg_train', 'seg_test', 'test'],
    ['training', 'validate', 'val'],
    ['trainval', 'holdout', 'test'],
    ['train', 'dev', 'val'],
  ] as const) {
    test(`${train}/ and ${judge}/, once more inside themselves`, async () => {
      const root = await tree(`${train}/${train}/cat:4 ${train}/${train}/dog:4 ${judge}/${judge}/cat:2 ${judge}/${judge}/dog:2`); // prettier-ignore
      const expected = { 'train:cat': 4, 'train:dog': 4, [`${part}:cat`]: 2, [`${part}:dog`]: 2 };
      assert.deepEqual(counts(await scanDataset(root)), expected);
      assert.deepEqual(await countedByInspect(root), expected);
    });
  }
  test('test/ alone is test, and nothing to learn from', async () => {
    const root = await tree('test/cat:2 test/dog:2');
    const dataset = await scanDataset(root);
    assert.deepEqual(counts(dataset), { 'test:cat': 2, 'test:dog': 2 });
    assert.throws(() => checkTrainable(dataset, root), /has no part to learn from; expected train\//);
  });
});

describe('names of parts that share a word of their own', () => {
  const table: readonly (readonly [files: string, expected: Record<string, number>])[] = [
    ['asl_alphabet_train/A:4 asl_alphabet_train/B:4 asl_alphabet_test:3', { ':A': 4, ':B': 4 }],
    ['flower_train/a:4 flower_train/b:4 flower_val/a:2 flower_val/b:2', { 'train:a': 4, 'train:b': 4, 'val:a': 2, 'val:b': 2 }],
    ['Final_Training/Images/0:4 Final_Training/Images/1:4 Final_Test/Images:3', { ':0': 4, ':1': 4 }],
    ['train/n1/images:3 train/n2/images:3 val/images:4', { ':n1': 3, ':n2': 3 }],
    ['entrenamiento/a:4 entrenamiento/b:4 validacio\u0301n/a:2 prueba/a:1', { 'train:a': 4, 'train:b': 4, 'val:a': 2, 'test:a': 1 }],
  ]; // prettier-ignore
  for (const [files, expected] of table) {
    test(files, async () => {
      const root = await tree(files);
      assert.deepEqual(counts(await scanDataset(root)), expected);
      const inspected = await countedByInspect(root);
      assert.deepEqual(new Set(Object.values(inspected)), new Set(Object.values(expected)));
    });
  }
  test('but a class of trains is a class, and beside a plain train/ they are left out', async () => {
    assert.deepEqual(counts(await scanDataset(await tree('steam_train:2 tram:2'))), { ':steam_train': 2, ':tram': 2 }); // prettier-ignore
    const beside = await scanDataset(await tree(`${DIVIDED} old_train/cat:3 old_val/cat:3`));
    assert.deepEqual(counts(beside), IN_PARTS);
    assert.match(beside.remarks.join(), /left out in .*"old_train \(3 pictures\)", "old_val/);
  });
});

describe('what class folders hide is said', () => {
  const table: readonly (readonly [files: string, expected: Record<string, number>, said: RegExp])[] = [
    ['COVID/images:2 COVID/masks:2 Normal/images:2 Normal/masks:2', { ':images': 4, ':masks': 4 }, /"images", "masks" have pictures in several of the folders "COVID", "Normal" and are one class each/],
    ['cat/2020:2 cat/2021:1 dog/2020:2', { ':2020': 4, ':2021': 1 }, /"2020" has pictures in several of the folders "cat", "dog" and is one class/],
    ['cat:2 dog:2 output/plots:3', { ':cat': 2, ':dog': 2, ':output': 3 }, /"output": taken for a class, with all pictures in the folders below/],
    ['cat:2 dog:2 wandb/run-1/media:3 mlruns/0/artifacts:2', { ':cat': 2, ':dog': 2 }, /2 folders that a system or tool keeps for itself, "mlruns", "wandb"/],
  ]; // prettier-ignore
  for (const [files, expected, said] of table) {
    test(files, async () => {
      const root = await tree(files);
      const dataset = await scanDataset(root);
      assert.deepEqual(counts(dataset), expected);
      assert.deepEqual(await countedByInspect(root), expected);
      assert.match(dataset.remarks.join('\n'), said);
    });
  }
});

describe('class folders', () => {
  const table: readonly (readonly [files: string, expected: Record<string, number>])[] = [
    ['cat:2 dog:3 runs/x/metrics.csv runs/x/figure.png best/model.json', { ':cat': 2, ':dog': 3 }],
    ['cat:2 dog:3 notes/today.txt models/net.pth', { ':cat': 2, ':dog': 3 }],
    ['bus:2 car:2 train:2', { ':bus': 2, ':car': 2, ':train': 2 }],
    ['birds/cat:2 birds/dog:2 code/a.py', { ':cat': 2, ':dog': 2 }],
    ['pets/cat:2 pets/dog:2 cover.jpg', { ':cat': 2, ':dog': 2 }],
    [`pets/train/cat:4 pets/train/dog:4 pets/val/cat:2 pets/val/dog:2 notes:1`, IN_PARTS],
    [`images/train/cat:4 images/train/dog:4 images/val/cat:2 images/val/dog:2 labels/train/0.txt`, IN_PARTS],
    ['cat:2 dog/@eaDir/0.jpg:1 dog:2 @eaDir:1', { ':cat': 2, ':dog': 2 }],
  ];
  for (const [files, expected] of table) {
    test(files, async () => {
      const root = await tree(files);
      assert.deepEqual(counts(await scanDataset(root)), expected);
      assert.deepEqual(await countedByInspect(root), expected);
    });
  }

  test('names composed and decomposed are one class', async () => {
    const [nfc, nfd] = ['café'.normalize('NFC'), 'café'.normalize('NFD')];
    const apart = await tree(`train/${nfc}:2 train/thé:2 val/${nfd}:1`);
    assert.deepEqual(counts(await scanDataset(apart)), { [`train:${nfc}`]: 2, 'train:thé': 2, [`val:${nfc}`]: 1 }); // prettier-ignore
    assert.deepEqual(await countedByInspect(apart), counts(await scanDataset(apart)));
    const both = await scanDataset(await tree(`${nfc}:2 ${nfd}:1 thé:2`));
    assert.deepEqual(counts(both), { [`:${nfc}`]: 3, ':thé': 2 });
    assert.match(both.remarks.join(), /two spellings of one name/);
  });
});

describe('refused in one line that says what to do', () => {
  const table: readonly (readonly [files: string, pattern: RegExp])[] = [
    ['images/train:3 images/val:2 labels/train/0.txt', /images.train has 3 pictures and no class folders; .*boxes/],
    ['train/images:3 train/labels/0.txt val/images:2', /train.images has 3 pictures and no class folders/],
    ['train:3 test:2', /train has 3 pictures and no class folders; expected a folder for each class/],
    ['train/bus:2 train/train:3 train/test:2', /train.train has 3 pictures and no class folders; .*; rename "test", "train" if they are classes$/],
    ['train/bus:2 train/train:3 train/test:2 val/bus:2', /train, val or test below its folders "train"; .* or rename classes with such names/],
    ['train:3 val/cat:2 val/dog:2', /train has 3 pictures and no class folders/],
    [`${DIVIDED} valid/cat:1`, /has "val", "valid", which all stand for val; leave one/],
    ['cat:2 dog:2 test:3', /"test" without classes beside "cat", "dog"; move/],
    ['cat:2 dog:2 test/cat:1 test/dog:1', /"test" beside "cat", "dog", and no train\/; move/],
    ['cat/train:2 cat/val:1 dog/train:2 dog/val:1', /train, val or test below its folders .*cat.*; put the parts outside/],
    ['one/train/cat:1 one/train/dog:1 one/val/cat:1 two/train/cat:1 two/val/cat:1', /several datasets .*; name one of them, such as .*one/],
    ['trainA:3 trainB:3 testA:2 testB:2', /trainA has 3 pictures and no class folders/],
    ['a_train/cat:1 a_train/dog:1 a_val/cat:1 b_train/cat:1 b_train/dog:1 b_val/cat:1', /"a_train", "b_train", which all stand for train/],
    ['cat:2 dog/a.heic', /class folder without pictures, "dog"/],
  ]; // prettier-ignore
  for (const [files, pattern] of table) {
    test(files, async () => {
      const root = await tree(files);
      await assert.rejects(scanDataset(root), (error) => {
        assert.ok(error instanceof AppError);
        assert.equal(error.code, 'DATASET_INVALID');
        assert.match(error.message, pattern);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      // inspect is there for these: it counts all the same.
      assert.ok((await placesIn(root)).pictures.size > 0);
    });
  }
});

describe('links', () => {
  test('a chain of folders with two links each to the next is walked once, not 2^20 times', async () => {
    const root = await tree(
      Array.from({ length: 20 }, (_, i) => `d${i}/`).join(' ') + ' d20/cat:1 d20/dog:1',
    );
    for (let i = 0; i < 20; i++) {
      for (const name of ['l', 'r'])
        await symlink(path.join(root, `d${i + 1}`), path.join(root, `d${i}`, name));
    }
    const started = performance.now();
    await scanDataset(path.join(root, 'd0')).catch(() => {});
    assert.ok(performance.now() - started < 5000);
  });

  test('classes may be links to a store of pictures', async () => {
    const root = await tree('all/cat:3 all/dog:3 train/ val/');
    for (const part of ['train', 'val']) {
      for (const name of ['cat', 'dog'])
        await symlink(path.join(root, 'all', name), path.join(root, part, name));
    }
    const expected = { 'train:cat': 3, 'train:dog': 3, 'val:cat': 3, 'val:dog': 3 };
    assert.deepEqual(counts(await scanDataset(root)), expected);
  });

  test('an aborted scan ends', async () => {
    const root = await tree(DIVIDED);
    await assert.rejects(scanDataset(root, { signal: AbortSignal.abort() }), { code: 'INTERRUPTED' });
  });
});

test('names with escapes and bidi characters are never raw in a message', async () => {
  const root = await tree('cat:2');
  await mkdir(path.join(root, 'a\u001b[31m\n\u202e\u009b'));
  await assert.rejects(scanDataset(root), (error: Error) => !/[\p{Cc}\p{Bidi_Control}]/u.test(error.message) && /a\\/.test(error.message)); // prettier-ignore
});
