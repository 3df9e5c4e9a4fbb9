// Every layout that finetune and evaluate accept, and what is refused. No file here is a picture: scanning opens none.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { checkTrainable, classCounts } from '../../src/dataset/dataset.ts';
import { openContents } from '../../src/dataset/contents.ts';
import {
  contentKeys,
  fingerprintChanges,
  fingerprintOf,
  knownFiles,
  type Fingerprint,
} from '../../src/dataset/fingerprint.ts';
import { datasetName, scanDataset } from '../../src/dataset/scan.ts';
import { AppError } from '../../src/util/errors.ts';
import { byCodePoint } from '../../src/util/order.ts';
import { placesIn } from '../../src/dataset/places.ts';
import { madeTar } from '../helpers/tar-file.ts';
import { sharedData } from '../helpers/shared-data.ts';

let scratch = '';
let made = 0;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-scan-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A folder with these files; a name that ends in / is an empty folder. */
async function tree(
  ...files: readonly (string | readonly [name: string, content: string])[]
): Promise<string> {
  const root = path.join(scratch, `set-${made++}`);
  await mkdir(root);
  for (const entry of files) {
    const [name, content] = typeof entry === 'string' ? [entry, entry] : entry;
    const file = path.join(root, name);
    await mkdir(name.endsWith('/') ? file : path.dirname(file), { recursive: true });
    if (!name.endsWith('/')) await writeFile(file, content);
  }
  return root;
}

async function refused(work: Promise<unknown>, ...patterns: readonly RegExp[]): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.message.split('\n').length, 1);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
}

describe('folders', () => {
  test('class folders: order by code point, hidden files and other files passed over', async () => {
    const root = await tree(
      'b/1.jpg',
      'b/2.PNG',
      'a/x.jpeg',
      'Z/1.jpg',
      'a/.hidden.jpg',
      'a/notes.txt',
      '.git/a.jpg',
    );
    const dataset = await scanDataset(root);
    assert.deepEqual(dataset.classes, ['Z', 'a', 'b']);
    assert.deepEqual(dataset.train.map(({ file, labels }) => [file, ...labels]), [['Z/1.jpg', 0], ['a/x.jpeg', 1], ['b/1.jpg', 2], ['b/2.PNG', 2]]); // prettier-ignore
    assert.equal(dataset.val, undefined);
    assert.deepEqual(classCounts(dataset.train, 3), [1, 1, 2]);
    assert.equal(datasetName(root), path.basename(root));
    assert.equal(datasetName('pictures/birds.v2'), 'birds.v2');
    assert.equal(datasetName('pictures/birds.v2.csv'), 'birds.v2');
  });

  test('what lies below a class folder belongs to the class', async () => {
    const dataset = await scanDataset(
      await tree('cat/1.jpg', 'cat/indoor/2.jpg', 'dog/out/3.jpg', 'dog/4.jpg'),
    );
    assert.deepEqual(dataset.classes, ['cat', 'dog']);
    assert.equal(dataset.train.length, 4);
  });

  for (const name of ['val', 'valid', 'test']) {
    test(`train/ and ${name}/`, async () => {
      const root = await tree('train/a/1.jpg', 'train/b/2.jpg', `${name}/a/3.jpg`, `${name}/b/4.jpg`);
      const { classes, train, val, layout } = await scanDataset(root);
      assert.deepEqual(classes, ['a', 'b']);
      assert.deepEqual([train.length, val?.length], [2, 2]);
      assert.match(layout, new RegExp(`train/ and ${name}/`));
    });
  }

  test('train/, val/ and test/', async () => {
    const root = await tree('train/a/1.jpg', 'train/b/2.jpg', 'test/a/3.jpg', 'val/a/4.jpg', 'val/b/5.jpg');
    const dataset = await scanDataset(root);
    assert.deepEqual(dataset.val?.map(({ file }) => file), ['val/a/4.jpg', 'val/b/5.jpg']); // prettier-ignore
    assert.deepEqual(
      dataset.test?.map(({ file }) => file),
      ['test/a/3.jpg'],
    );
    assert.match(dataset.remarks.join(), /test\/ has no pictures of "b"/);
  });

  test('folders of class folders, also inside train/; folders of one name are one class', async () => {
    const nested = await scanDataset(await tree('water/duck/1.jpg', 'water/swan/2.jpg', 'wood/duck/3.jpg'));
    assert.deepEqual(nested.classes, ['duck', 'swan']);
    assert.equal(nested.train.length, 3);
    const divided = await scanDataset(
      await tree('set/train/x/a/1.jpg', 'set/train/y/b/2.jpg', 'set/val/x/a/3.jpg'),
    );
    assert.deepEqual([divided.classes, divided.val?.length], [['a', 'b'], 1]);
    const wrapped = await scanDataset(await tree('birds/images/a/1.jpg', 'birds/images/b/2.jpg'));
    assert.deepEqual(wrapped.classes, ['a', 'b']);
  });

  test('names with spaces, unicode, quotes and commas', async () => {
    const names = ["Anna's, hummingbird", 'é', 'two  words', '麻雀', '🐦'];
    const dataset = await scanDataset(await tree(...names.map((name) => `${name}/1.jpg`)));
    assert.deepEqual(dataset.classes, names.toSorted(byCodePoint));
  });

  test('a link that leads back is not followed for ever', async () => {
    const root = await tree('a/1.jpg', 'b/2.jpg');
    await symlink(root, path.join(root, 'a', 'loop'));
    assert.equal((await scanDataset(root)).train.length, 2); // the link leads above itself: b's picture is not one of a's
  });
});

describe('refused', () => {
  test('an empty class, one class, one picture, none, none here', async () => {
    await refused(scanDataset(await tree('a/1.jpg', 'b/', 'c/3.jpg')), /"b"/, /without pictures/, /remove/);
    const one = await tree('only/1.jpg', 'only/2.jpg');
    const dataset = await scanDataset(one);
    assert.throws(() => checkTrainable(dataset, one), /one class only, "only"; expected at least two/);
    assert.throws(() => checkTrainable({ ...dataset, classes: ['a', 'b'], train: dataset.train.slice(1) }, one), /one picture/); // prettier-ignore
    await refused(scanDataset(await tree('a/notes.txt', 'b/x.md')), /no pictures/);
    await refused(scanDataset(await tree('1.jpg', '2.jpg')), /2 pictures and no class folders/);
    await refused(scanDataset(await tree()), /no pictures/);
    await refused(scanDataset(path.join(scratch, 'nowhere')), /no such folder; check the path/);
  });

  test('two classes that differ by case alone', async () => {
    const root = await tree(['l.csv', 'file,label\n1.jpg,Wren\n2.jpg,wren\n'], '1.jpg', '2.jpg');
    await refused(scanDataset(root, { manifest: 'file,label' }), /"Wren", "wren"; rename/);
  });

  test('a class that only val/ has', async () => {
    await refused(
      scanDataset(await tree('train/a/1.jpg', 'train/b/1.jpg', 'val/c/1.jpg')),
      /val\/.*train\/.*"c"/,
    );
  });
});

describe('csv', () => {
  test('columns by name, quoted cells, paths beside the csv', async () => {
    const root = await tree(
      ['labels.csv', 'id,picture,kind\n1,"a, b.jpg",wren\n2,sub/c.jpg,"x ""y"""\n'],
      'a, b.jpg',
      'sub/c.jpg',
    );
    const dataset = await scanDataset(root, { manifest: 'picture,kind' });
    assert.deepEqual(dataset.classes, ['wren', 'x "y"']);
    assert.deepEqual(dataset.train.map(({ file, path: at }) => [file, at]), [['a, b.jpg', path.join(root, 'a, b.jpg')], ['sub/c.jpg', path.join(root, 'sub', 'c.jpg')]]); // prettier-ignore
    assert.deepEqual((await scanDataset(path.join(root, 'labels.csv'), { manifest: 'picture,kind' })).classes, dataset.classes); // prettier-ignore
  });

  test('several labels, none, and a column that divides', async () => {
    const root = await tree(['l.csv', 'file,labels,split\n1.jpg,b|a,train\n2.jpg,,train\n3.jpg,a,val\n4.jpg,c| a,test\n'], '1.jpg', '2.jpg', '3.jpg', '4.jpg'); // prettier-ignore
    const dataset = await scanDataset(root, { manifest: 'l.csv' });
    assert.equal(dataset.multiLabel, true);
    assert.deepEqual(dataset.train.map(({ labels }) => labels), [[0, 1], []]); // prettier-ignore
    assert.deepEqual([dataset.val?.length, dataset.test?.[0]?.labels], [1, [0, 2]]);
  });

  test('what is wrong is named', async () => {
    await refused(scanDataset(await tree(['l.csv', 'a,b\n1.jpg,x\n']), { manifest: 'file,label' }), /columns "a", "b", not file/); // prettier-ignore
    await refused(scanDataset(await tree(['l.csv', 'file,label\n1.jpg,x\n1.jpg,y\n']), { manifest: 'file,label' }), /twice/); // prettier-ignore
    await refused(scanDataset(await tree(['l.csv', 'file,label\n1.jpg,x\n2.jpg,\n']), { manifest: 'file,label' }), /no label for "2.jpg"/); // prettier-ignore
    await refused(scanDataset(await tree(['l.csv', 'file,label\n']), { manifest: 'file,label' }), /no rows/);
    await refused(scanDataset(await tree('a/1.jpg'), { manifest: 'file,label' }), /no csv file/);
    await refused(scanDataset(await tree('a/1.jpg'), { manifest: 'a,b,c' }), /no csv|--manifest must be/);
    await refused(scanDataset(await tree(['l.csv', 'file,label\n"1.jpg,x\n']), { manifest: 'file,label' }), /not CSV/); // prettier-ignore
  });
});

test("CUB-200-2011's own files", async () => {
  const root = await tree(
    ['images.txt', '1 001.Albatross/a 1.jpg\n2 001.Albatross/b.jpg\n3 002.Auklet/c.jpg\n'],
    ['image_class_labels.txt', '1 1\n2 1\n3 2\n'],
    ['train_test_split.txt', '1 1\n2 0\n3 1\n'],
    ['classes.txt', '1 001.Albatross\n2 002.Auklet\n'],
  );
  const dataset = await scanDataset(root);
  assert.deepEqual(dataset.classes, ['001.Albatross', '002.Auklet']);
  assert.deepEqual(dataset.train.map(({ path: at }) => at), ['001.Albatross/a 1.jpg', '002.Auklet/c.jpg'].map((f) => path.join(root, 'images', f))); // prettier-ignore
  assert.deepEqual(dataset.val?.map(({ labels }) => labels), [[0]]); // prettier-ignore
  await writeFile(path.join(root, 'classes.txt'), Buffer.from('\ufeff1 信天翁\r\n2 海雀\r\n', 'utf16le'));
  assert.deepEqual((await scanDataset(root)).classes, ['信天翁', '海雀']);
  await writeFile(path.join(root, 'image_class_labels.txt'), '1 1\n');
  await refused(scanDataset(root), /no class for image 2/);
});

const fingerprint = async (root: string, before: Fingerprint = {}): Promise<Fingerprint> => {
  const dataset = await scanDataset(root);
  return fingerprintOf(dataset, openContents(knownFiles(dataset, before)));
};

test('a fingerprint names what was added, removed and changed', async () => {
  const root = await tree('a/1.jpg', 'a/2.jpg', ['b/3.jpg', 'one']);
  const before = await fingerprint(root);
  assert.equal(fingerprintChanges(before, await fingerprint(root, before)), undefined);
  await rm(path.join(root, 'a/1.jpg'));
  await writeFile(path.join(root, 'b/4.jpg'), 'new');
  const { atime, mtime } = await stat(path.join(root, 'b/3.jpg'));
  await writeFile(path.join(root, 'b/3.jpg'), 'two');
  // Of the former length and with the former time: the content tells.
  await utimes(path.join(root, 'b/3.jpg'), atime, mtime);
  const changes = fingerprintChanges(before, await fingerprint(root, before));
  assert.equal(changes, '1 added ("b/4.jpg"), 1 removed ("a/1.jpg"), 1 changed ("b/3.jpg")');
});

test('a dataset that was touched or copied is the same, one whose labels moved is not', async () => {
  const root = await tree('a/1.jpg', 'b/2.jpg');
  const before = await fingerprint(root);
  await utimes(path.join(root, 'a/1.jpg'), 1, 1);
  assert.equal(fingerprintChanges(before, await fingerprint(root, before)), undefined);
  const copy = `${root}-copy`;
  await cp(root, copy, { recursive: true });
  assert.equal(fingerprintChanges(before, await fingerprint(copy, before)), undefined);
  const [key, entry] = Object.entries(before)[0]!;
  assert.match(fingerprintChanges({ ...before, [key]: `${entry}x` }, before)!, /1 changed/);
});

test('files that are as they were are not read again', async () => {
  const root = await tree('a/1.jpg', 'b/2.jpg');
  const dataset = await scanDataset(root);
  const sha256 = 'f'.repeat(64);
  const [first, second] = await openContents().files(dataset.train);
  const known = new Map([[dataset.train[0]!.path, { ...first!, sha256 }]]);
  const files = await openContents(known).files(dataset.train);
  assert.deepEqual(files.map((file) => file.sha256), [sha256, second!.sha256]); // prettier-ignore
});

test('a picture is no dataset', async () => {
  const root = await tree('a/1.jpg');
  await refused(scanDataset(path.join(root, 'a/1.jpg')), /is a single file; expected a folder of class folders, \.tar or \.parquet files, or a csv of files and labels/); // prettier-ignore
});

test('copies of one picture share a key', async () => {
  const root = await tree(
    ['a/1.jpg', 'same'],
    ['b/2.jpg', 'same'],
    ['b/3.jpg', 'diff'],
    ['b/4.jpg', 'longer'],
  );
  const [one, two, three, four] = await contentKeys((await scanDataset(root)).train, openContents());
  assert.equal(one, two);
  assert.equal(new Set([one, three, four]).size, 3);
});

describe('archives', () => {
  const written = async (name: string, bytes: Uint8Array) => {
    const root = path.join(await tree(), name);
    await writeFile(root, bytes);
    return root;
  };

  test('a picture that is appended again keeps its label, unless it brings one', async () => {
    const sample = (name: string, label: string) => [{ name: `${name}.png`, content: label }, { name: `${name}.cls`, content: label }]; // prettier-ignore
    const again = [{ name: '1.png', content: 'again' }, ...sample('2', 'dog')];
    const root = await written('a.tar', madeTar([...sample('1', 'cat'), ...sample('2', 'cat'), ...sample('3', 'dog'), ...again])); // prettier-ignore
    const { train, classes } = await scanDataset(root);
    const said = train.map(({ file, labels }) => `${file} ${classes[labels[0]!]}`);
    assert.deepEqual(said.toSorted(), ['1.png cat', '2.png dog', '3.png dog']);
  });

  test('inspect looks at pictures without a class too, and at a table without labels', async () => {
    const table = (labels?: string[]) => {
      const image = {
        name: 'image',
        data: [Buffer.from('1'), Buffer.from('2')],
        type: 'BYTE_ARRAY' as const,
      };
      const label = labels && { name: 'label', data: labels, type: 'STRING' as const };
      return Buffer.from(parquetWriteBuffer({ columnData: [image, ...(label ? [label] : [])] }));
    };
    const root = await tree();
    await writeFile(path.join(root, 'train-0.parquet'), table(['cat', 'dog']));
    await writeFile(path.join(root, 'test-0.parquet'), table());
    const { pictures, remarks } = await placesIn(root);
    const places = [...pictures.values()].map(({ split, className }) => `${split} ${className}`);
    assert.deepEqual([places.toSorted(), remarks], [['test ', 'test ', 'train cat', 'train dog'], []]);
    const alone = await placesIn(path.join(root, 'test-0.parquet'));
    assert.equal(alone.pictures.size, 2);
    assert.match(
      alone.remarks.join('\n'),
      /^finetune would refuse this: .*has 2 pictures, and none has a class/,
    );
    const flat = await placesIn(await written('flat.tar', madeTar([{ name: '1.png', content: 'x' }])));
    assert.deepEqual([...flat.pictures.values()].map(({ split, className }) => [split, className]), [['', '']]); // prettier-ignore
    assert.match(
      flat.remarks.join('\n'),
      /^finetune would refuse this: .* has 1 picture and no class folders/,
    );
  });
});

const birds = sharedData('birds');
test('birds/: 20 classes, train/ and test/', { skip: birds.skip }, async () => {
  const dataset = await scanDataset(birds.file);
  assert.deepEqual([dataset.classes.length, dataset.train.length, dataset.val?.length], [20, 600, 575]);
});
const hymenoptera = sharedData('hymenoptera_data');
test('hymenoptera_data: train/ and val/', { skip: hymenoptera.skip }, async () => {
  const dataset = await scanDataset(hymenoptera.file);
  assert.deepEqual(
    [dataset.classes, dataset.train.length, dataset.val?.length],
    [['ants', 'bees'], 245, 153],
  );
});
