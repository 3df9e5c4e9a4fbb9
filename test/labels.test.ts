// Class names: the shipped ones, and files as people have them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { imagenetLabels, readLabelFile } from '../src/labels.ts';
import { sharedData } from './helpers/shared-data.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-labels-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function fromFile(name: string, content: string | Uint8Array, classes: number) {
  const file = path.join(scratch, name);
  await writeFile(file, content);
  return readLabelFile(file, classes);
}

const names = (labels: readonly { readonly label: string }[]) => labels.map(({ label }) => label);

test('ImageNet: 1000 classes, each name its own, synsets in order', async () => {
  const labels = await imagenetLabels();
  assert.equal(labels.length, 1000);
  for (const key of ['label', 'labelZh', 'id'] as const)
    assert.equal(new Set(labels.map((label) => label[key])).size, 1000);
  for (const { id, label, labelZh } of labels) {
    assert.match(id!, /^n\d{8}$/);
    assert.equal(label, label.trim());
    assert.match(labelZh!, /^([\p{Script=Han}]|CD|iPod|T)+$/u);
  }
  const ids = labels.map((label) => label.id!);
  assert.deepEqual(ids, ids.toSorted());
  assert.deepEqual(labels[258], { id: 'n02111889', label: 'Samoyed', labelZh: '萨摩耶犬' });
});

const index = sharedData('labels', 'imagenet_class_index.json');
test('the same synsets as the class index that Keras and torch use', { skip: index.skip }, async () => {
  const rows = JSON.parse(readFileSync(index.file, 'utf8')) as Record<string, [string, string]>;
  const labels = await imagenetLabels();
  let renamed = 0;
  labels.forEach(({ id, label }, i) => {
    assert.equal(id, rows[i]![0]);
    renamed += Number(label !== rows[i]![1].replaceAll('_', ' '));
  });
  assert.equal(renamed, 2, 'crane bird and maillot tank suit, which would stand twice');
});

test('JSON in its four shapes', async () => {
  assert.deepEqual(names(await fromFile('a.json', '["a", "b"]', 2)), ['a', 'b']);
  assert.deepEqual(names(await fromFile('b.json', '{"1": "b", "0": "a"}', 2)), ['a', 'b']);
  assert.deepEqual(names(await fromFile('c.json', '{"b": 1, "a": 0}', 2)), ['a', 'b']);
  assert.deepEqual(await fromFile('d.json', '{"0": ["n01440764", "a_b"]}', 1), [
    { id: 'n01440764', label: 'a b' },
  ]);
});

test('text and CSV: a line a label, an index column, a header, synonyms', async () => {
  assert.deepEqual(names(await fromFile('a.txt', '\uFEFFa b\r\nc\r\n', 2)), ['a b', 'c']);
  assert.deepEqual(names(await fromFile('b.csv', '0,a\n1,b\n', 2)), ['a', 'b']);
  assert.deepEqual(names(await fromFile('c.csv', 'a, b ,,\nc,,,\n', 2)), ['a b', 'c']);
  assert.deepEqual(await fromFile('d.csv', 'id,label,label_zh\nn1,a,甲\nn2,"b, or c",乙\n', 2), [
    { id: 'n1', label: 'a', labelZh: '甲' },
    { id: 'n2', label: 'b, or c', labelZh: '乙' },
  ]);
});

test('GB18030, with the background first', async () => {
  // 背景,\n金鱼 ,\n
  const bytes = Buffer.from('b1b3beb02c0abdf0d3e3202c0a', 'hex');
  assert.deepEqual(names(await fromFile('gb.csv', bytes, 1)), ['金鱼']);
});

test('a file that does not fit says how', async () => {
  await assert.rejects(fromFile('few.txt', 'a\nb\n', 3), /has 2 labels, the model has 3 classes/);
  await assert.rejects(fromFile('more.txt', 'a\nb\n', 1), /has 2 labels, the model has 1 classes/);
  await assert.rejects(fromFile('gap.json', '{"0": "a", "2": "b"}', 2), /has no label for class 1/);
  await assert.rejects(fromFile('bad.json', '["a"', 1), /is not JSON/);
  await assert.rejects(fromFile('odd.json', '[1]', 1), /class 0 is 1, expected a text/);
  await assert.rejects(
    readLabelFile(path.join(scratch, 'none.txt'), 1),
    /is no file; expected en, zh, en,zh or a file/,
  );
});
