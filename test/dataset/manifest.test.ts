// A csv as people have it: separators, encodings, no header, paths of other folders and systems.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { scanDataset, type ScanOptions } from '../../src/dataset/scan.ts';

let scratch = '';
const pictures = ['images/0.jpg', 'images/1.jpg', 'images/2.jpg', 'images/3.jpg'];
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-manifest-'));
  for (const file of [...pictures, 'other/deep/4.jpg', 'images/café.jpg'.normalize('NFD')]) {
    await mkdir(path.join(scratch, path.dirname(file)), { recursive: true });
    await writeFile(path.join(scratch, file), file);
  }
});
after(() => rm(scratch, { recursive: true, force: true }));

async function scanned(name: string, content: string | Uint8Array, options: ScanOptions = {}) {
  await writeFile(path.join(scratch, name), content);
  return scanDataset(path.join(scratch, name), options);
}

const found = async (name: string, content: string | Uint8Array, options?: ScanOptions) => {
  const { classes, train } = await scanned(name, content, options);
  return train.map(({ path: file, labels }) => `${path.relative(scratch, file)} ${classes[labels[0]!]}`);
};

const CAT_AND_DOG = ['images/0.jpg cat', 'images/1.jpg dog'];

test('separators, encodings, headers of other words, none', async () => {
  const rows = 'images/0.jpg,cat\nimages/1.jpg,dog\n';
  const files: readonly (readonly [name: string, content: string | Uint8Array])[] = [
    ['semicolon.csv', `file;label\n${rows.replaceAll(',', ';')}`],
    ['tab.csv', `file\tlabel\n${rows.replaceAll(',', '\t')}`],
    ['excel.csv', `sep=;\r\nfile;label\r\n${rows.replaceAll(',', ';')}`],
    ['bom.csv', `\uFEFFfile,label\n${rows}`],
    ['wide.csv', Buffer.from(`\uFEFFfile,label\n${rows}`, 'utf16le')],
    ['headless.csv', rows],
    ['headless-reversed.csv', 'cat,images/0.jpg\ndog,images/1.jpg\n'],
    ['german.csv', `Bild;Klasse\n${rows.replaceAll(',', ';')}`],
    ['list.txt', rows.replaceAll(',', ' ')],
  ];
  for (const [name, content] of files) assert.deepEqual(await found(name, content), CAT_AND_DOG, name);
  const divided = await scanned(
    'split.csv',
    'images/0.jpg,cat,train\nimages/1.jpg,dog,train\nimages/2.jpg,cat,validate\n',
  );
  assert.deepEqual([divided.train.length, divided.val?.length, divided.judge], [2, 1, 'val']);
  const gbk = await scanned(
    'gbk.csv',
    Buffer.concat([
      Buffer.from('file,label\nimages/0.jpg,'),
      Buffer.from('c3a8', 'hex'),
      Buffer.from('\nimages/1.jpg,'),
      Buffer.from('b9b70a', 'hex'),
    ]),
  );
  assert.deepEqual(gbk.classes, ['狗', '猫'].sort());
  assert.match(gbk.remarks.join(), /gbk.csv is not UTF-8 and is read as GB18030/);
});

test('paths: the other slash, no ending, no folder, another machine, case, --root', async () => {
  assert.deepEqual(
    await found('back.csv', 'file,label\nimages\\0.jpg,cat\n.\\images\\1.jpg,dog\n'),
    CAT_AND_DOG,
  );
  assert.deepEqual(await found('ids.csv', 'id,breed\nimages/0,cat\nimages/1,dog\n'), CAT_AND_DOG);
  assert.deepEqual(await found('case.csv', 'file,label\nimages/0.JPG,cat\nimages/1.Jpg,dog\n'), CAT_AND_DOG);
  assert.deepEqual(await found('bare.csv', 'file,label\n0.jpg,cat\n1.jpg,dog\n'), CAT_AND_DOG);
  assert.deepEqual(
    await found('kaggle.csv', 'id,breed\n0,cat\n1,dog\n', { manifest: 'id,breed' }),
    CAT_AND_DOG,
  );
  const root = path.join(scratch, 'images');
  assert.deepEqual(await found('root.csv', 'file,label\n0,cat\n1.jpg,dog\n', { root }), CAT_AND_DOG);
  assert.deepEqual(
    await found('moved.csv', 'file,label\nC:\\data\\images\\0.jpg,cat\n/home/x/images/1.jpg,dog\n', {
      root: scratch,
    }),
    CAT_AND_DOG,
  );
  const [accent] = (
    await scanned('nfc.csv', `file,label\nimages/${'café'.normalize('NFC')}.jpg,cat\nimages/0.jpg,dog\n`)
  ).train;
  assert.equal(path.basename(accent!.path).normalize('NFC'), 'café.jpg');
  const { remarks } = await scanned('some.csv', 'file,label\nimages/0.jpg,cat\nimages/9.jpg,dog\n');
  assert.match(remarks.join(), /1 of 2 pictures are not there: "images\/9.jpg"/);
});

test('what cannot be told is refused in one line that says what to do', async () => {
  const refused = (name: string, content: string, pattern: RegExp, options?: ScanOptions) =>
    assert.rejects(
      scanned(name, content, options),
      (error: Error) => pattern.test(error.message) && !error.message.includes('\n'),
      name,
    );
  await refused(
    'none.csv',
    'file,label\nx/0.jpg,cat\nx/1.jpg,dog\n',
    /names 2 pictures, and none of them, such as "x\/0.jpg", is beside it .*--root DIR/,
  );
  await refused(
    'wide.csv',
    'images/0.jpg,cat,red\nimages/1.jpg,dog,blue\n',
    /has no header and 3 columns; add a first row/,
  );
  await refused(
    'flag.csv',
    'images/0.jpg,cat\n',
    /has no header, its first row is "images\/0.jpg", "cat"; add one/,
    { manifest: 'file,label' },
  );
  await refused(
    'twice.csv',
    'file,label\na/0.jpg,cat\nb/0.jpg,dog\n',
    /"a\/0.jpg" and "b\/0.jpg", which are one file/,
    { root: path.join(scratch, 'images') },
  );
  await refused(
    'long.csv',
    `file,label\nimages/0.jpg,${'x'.repeat(1_100_000)}\n`,
    /is not CSV: .*1000000 at line 2/,
  );
  await refused('binary.csv', '\0\0\0\0\0\u0001\u0002', /is no text; expected a csv/);
});

test('columns that say the part: of yes and no, or by what is in them', async () => {
  const parts = async (name: string, content: string) => {
    const { train, val, test: second, judge } = await scanned(name, content);
    return [train.length, val?.length, second?.length, judge];
  };
  const rows = (cells: readonly string[]) => cells.map((cell, i) => `images/${i}.jpg,${i % 2 ? 'cat' : 'dog'},${cell}\n`).join(''); // prettier-ignore
  assert.deepEqual(await parts('fastai.csv', `name,label,is_valid\n${rows(['False', 'False', 'True'])}`), [2, 1, undefined, 'val']); // prettier-ignore
  assert.deepEqual(await parts('flag.csv', `file,label,is_train\n${rows(['1', '1', '0.0'])}`), [2, 1, undefined, 'val']); // prettier-ignore
  assert.deepEqual(await parts('usage.csv', `file,label,usage\n${rows(['Training', 'PublicTest', 'Training'])}`), [3, undefined, undefined, undefined]); // prettier-ignore
  assert.deepEqual(await parts('fold.csv', `file,label,purpose\n${rows(['TRAIN', 'VALIDATE', 'TEST'])}`), [1, 1, 1, 'val']); // prettier-ignore
  await assert.rejects(parts('odd.csv', `file,label,is_valid\n${rows(['False', 'maybe', 'True'])}`), /says "maybe" in column is_valid, row 3; expected/); // prettier-ignore
});

test('a list whose first label has several words keeps its first row; an empty csv and one column twice are told', async () => {
  assert.deepEqual(await found('words.txt', 'images/0.jpg big cat\nimages/1.jpg dog\n'), ['images/0.jpg big cat', 'images/1.jpg dog']); // prettier-ignore
  for (const numbers of ['0 1', '-1 1 1 -1', '0.12 0.5'])
    await assert.rejects(found('numbers.txt', `images/0.jpg ${numbers}\nimages/1.jpg ${numbers}\n`), /has the columns/); // prettier-ignore
  await assert.rejects(found('parts.txt', 'images/0.jpg big cat train\nimages/1.jpg dog test\n'), /has a part behind each label, such as "big cat train", and no separators; put commas/); // prettier-ignore
  await assert.rejects(found('blanks.txt', `${'a '.repeat(450_000)}b\n`), /has the columns/);
  await assert.rejects(found('empty.csv', ''), /empty.csv is empty; expected a header/);
  await assert.rejects(found('same.csv', 'file,label\nimages/0.jpg,cat\n', { manifest: 'file,file' }), /names the column "file" twice/); // prettier-ignore
});

test('labels that seem to be several are said', async () => {
  const { classes, remarks } = await scanned('several.csv', 'file,label\nimages/0.jpg,cat;pet\nimages/1.jpg,dog;pet\n'); // prettier-ignore
  assert.deepEqual(classes, ['cat;pet', 'dog;pet']);
  assert.match(
    remarks.join(),
    /labels of several.csv such as "cat;pet" may be several, separated by ";": .*several labels of a picture are written a\|b/,
  );
  const some = await scanned('some.csv', 'file,label\nimages/0.jpg,cat;dog\nimages/1.jpg,dog\n');
  assert.match(some.remarks.join(), /labels of some.csv such as "cat;dog" may be several/);
  const words = await scanned('words.csv', 'file,label\nimages/0.jpg,red bird\nimages/1.jpg,bird\n');
  assert.deepEqual(words.remarks, []);
});

test('the working folder is remembered where the pictures were named from it', async () => {
  const below = path.join(scratch, 'list');
  await mkdir(below);
  await writeFile(path.join(below, 'here.csv'), 'file,label\nimages/0.jpg,cat\nimages/1.jpg,dog\n');
  const before = process.cwd();
  process.chdir(scratch);
  try {
    const { root } = await scanDataset(path.join(below, 'here.csv'));
    assert.equal(root, process.cwd());
    assert.equal((await scanned('beside.csv', 'file,label\nimages/0.jpg,cat\n')).root, undefined);
  } finally {
    process.chdir(before);
  }
});
