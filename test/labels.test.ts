// Class names: the shipped ones, and files as people have them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseDocument } from 'yaml';
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

test('UTF-16 of other scripts, and Japanese in its older encodings', async () => {
  const files = {
    'ru.txt': Buffer.from('Синица\nСова\n', 'utf16le').swap16(),
    'iso.txt': Buffer.from('\x1b$BG-\x1b(B\n\x1b$B8$\x1b(B\n', 'latin1'),
    'sjis.txt': Buffer.from('944c0a8ca20a', 'hex'),
    'quoted.txt': Buffer.from('\x93big\x94 cat\n\x8cuvre\n', 'latin1'),
  } as const;
  const expected = { 'ru.txt': ['Синица', 'Сова'], 'iso.txt': ['猫', '犬'], 'sjis.txt': ['猫', '犬'], 'quoted.txt': ['“big” cat', 'Œuvre'] }; // prettier-ignore
  for (const [name, bytes] of Object.entries(files)) assert.deepEqual(names(await fromFile(name, bytes, 2)), expected[name as keyof typeof files]); // prettier-ignore
});

test('names with quotes or brackets, headers of two words; a class without a name is refused', async () => {
  assert.deepEqual(names(await fromFile('q.txt', '"big" cat\n5" disk\n', 2)), ['"big" cat', '5" disk']);
  assert.deepEqual(names(await fromFile('b.txt', '(young) gull\n(old) gull\n', 2)), ['(young) gull', '(old) gull']); // prettier-ignore
  assert.deepEqual(names(await fromFile('n.txt', '(0) cat\n(1) dog\n', 2)), ['cat', 'dog']);
  assert.deepEqual(names(await fromFile('h.csv', 'Class Name\ncat\ndog\n', 2)), ['cat', 'dog']);
  await assert.rejects(fromFile('e.csv', 'id,name\n0,\n1,dog\n', 2), /has no name for class 0$/);
});

test('YAML of many keys takes no minutes, and what it says twice or in several documents is refused', async () => {
  const many = `names:\n${Array.from({ length: 30_000 }, (_, i) => `  ${i}: c${i}`).join('\n')}\n`;
  const began = process.cpuUsage();
  parseDocument(many, { uniqueKeys: false });
  const { user } = process.cpuUsage(began);
  const before = process.cpuUsage();
  assert.equal((await fromFile('many.yaml', many, 30_000)).length, 30_000);
  // By comparing each key with all others it is seven times as much.
  assert.ok(process.cpuUsage(before).user < 4 * user);
  await assert.rejects(fromFile('twice.yaml', 'names:\n  0: a\n  0: b\n', 1), /key 0 is there twice$/);
  await assert.rejects(fromFile('docs.yaml', 'names: [a]\n---\nnames: [b]\n', 1), /several documents$/);
  assert.deepEqual(names(await fromFile('alias.yaml', 'a: &x [c, d]\nnames: *x\n', 2)), ['c', 'd']);
  const aliases = Array.from({ length: 101 }, (_, i) => `a${i}: &a${i} x\nb${i}: *a${i}\n`).join('');
  await assert.rejects(fromFile('aliases.yaml', `${aliases}names: [a]\n`, 1), /more than 100 aliases$/);
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

test('a column of numbers, or numbers before the names, decide the order', async () => {
  const expected = ['peacock', 'ambulance', 'chimpanzee'];
  const files: readonly (readonly [name: string, content: string])[] = [
    ['index.csv', 'index,label\n2,chimpanzee\n0,peacock\n1,ambulance\n'],
    ['semicolon.csv', 'class_id;name\r\n2;chimpanzee\r\n0;peacock\r\n1;ambulance\r\n'],
    ['excel.csv', 'sep=;\r\nclass_id;name\r\n2;chimpanzee\r\n0;peacock\r\n1;ambulance\r\n'],
    ['pandas.csv', ',label\n2,chimpanzee\n0,peacock\n1,ambulance\n'],
    ['ids.csv', 'id,name\n2,chimpanzee\n0,peacock\n1,ambulance\n'],
    ['label-is-number.csv', 'label,name\n2,chimpanzee\n0,peacock\n1,ambulance\n'],
    ['unknown-header.csv', 'Nr;Bezeichnung\n2;chimpanzee\n0;peacock\n1;ambulance\n'],
    ['headless.csv', '2,chimpanzee\n0,peacock\n1,ambulance\n'],
    ['last.csv', 'chimpanzee,2\npeacock,0\nambulance,1\n'],
    ['tab.txt', '0\tpeacock\n1\tambulance\n2\tchimpanzee\n'],
    ['space.txt', '0 peacock\n1 ambulance\n2 chimpanzee\n'],
    ['shuffled.txt', '2 chimpanzee\n0 peacock\n1 ambulance\n'],
    ['colon.txt', '0: peacock\n1: ambulance\n2: chimpanzee\n'],
    ['colon-close.txt', '0:peacock\n1:ambulance\n2:chimpanzee\n'],
    ['dot.txt', '0. peacock\n1. ambulance\n2. chimpanzee\n'],
    ['from-one.txt', '1 peacock\n2 ambulance\n3 chimpanzee\n'],
  ];
  for (const [name, content] of files) assert.deepEqual(names(await fromFile(name, content, 3)), expected, name); // prettier-ignore
  assert.deepEqual(names(await fromFile('digits.txt', '0\n1\n', 2)), ['0', '1']);
  assert.deepEqual(names(await fromFile('years.txt', '3 wheeler\n18 wheeler\n', 2)), [
    '3 wheeler',
    '18 wheeler',
  ]);
  await assert.rejects(fromFile('gaps.csv', 'index,label\n0,a\n2,b\n', 2), /does not number its classes from 0 to 1 in column index/); // prettier-ignore
});

test('synsets before the names, commas in them', async () => {
  const expected = [{ id: 'n01440764', label: 'tench, Tinca tinca' }, { id: 'n01443537', label: 'goldfish, Carassius auratus' }]; // prettier-ignore
  assert.deepEqual(await fromFile('synset_words.txt', 'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n', 2), expected); // prettier-ignore
  assert.deepEqual(await fromFile('numbered.txt', '1 n01443537 goldfish, Carassius auratus\n0 n01440764 tench, Tinca tinca\n', 2), expected); // prettier-ignore
  assert.deepEqual(names(await fromFile('commas.txt', 'tench, Tinca tinca\neel\n', 2)), ['tench, Tinca tinca', 'eel']); // prettier-ignore
});

test("Python dictionaries, transformers' and timm's config.json, Ultralytics' yaml, COCO", async () => {
  const expected = ["tench, 'Tinca'", 'eel'];
  const files: readonly (readonly [name: string, content: string])[] = [
    ['clsidx.txt', `{0: "tench, 'Tinca'",\n 1: 'eel',}\n`],
    ['escaped.txt', `{1: u'eel', 0: 'tench, \\'Tinca\\''}`],
    ['assigned.py', `# classes\nlabels = ["tench, 'Tinca'", 'eel']\n`.slice(10)],
    [
      'config.json',
      `{"architectures": ["X"], "id2label": {"0": "tench, 'Tinca'", "1": "eel"}, "label2id": {"eel": 1}}`,
    ],
    ['label2id.json', `{"label2id": {"eel": 1, "tench, 'Tinca'": 0}}`],
    ['timm.json', `{"num_classes": 2, "label_names": ["tench, 'Tinca'", "eel"]}`],
    ['coco.json', `{"categories": [{"id": 3, "name": "eel"}, {"id": 1, "name": "tench, 'Tinca'"}]}`],
    ['list.yaml', `path: ../x\ntrain: images/train\nnames: ["tench, 'Tinca'", eel]  # two\n`],
    ['block.yaml', `names:\n  - "tench, 'Tinca'"\n  - eel\n`],
    ['map.yml', `nc: 2\nnames:\n  0: "tench, 'Tinca'"\n  1: eel\n`],
  ];
  for (const [name, content] of files) assert.deepEqual(names(await fromFile(name, content, 2)), expected, name); // prettier-ignore
  assert.deepEqual(await fromFile('tuple.txt', "{0: ('n01440764', 'a_b')}", 1), [{ id: 'n01440764', label: 'a b' }]); // prettier-ignore
  assert.deepEqual(names(await fromFile('yes.yaml', 'names: [yes, true, 1]', 3)), ['yes', 'true', '1']);
  await assert.rejects(fromFile('one.json', '{"1": "a", "2": "b"}', 2), /no label for class 0; its numbers begin at 1/); // prettier-ignore
  await assert.rejects(fromFile('words.json', '{"a": "b"}', 1), /keys that are no class numbers/);
});

test('encodings: Unicode with and without a mark, older ones with a remark', async () => {
  const german = 'Löwe\nBär\nKühe\n';
  const wide = (text: string, mark = '') => Buffer.from(mark + text, 'utf16le');
  const expected = ['Löwe', 'Bär', 'Kühe'];
  assert.deepEqual(names(await fromFile('a.txt', wide(german, '\uFEFF'), 3)), expected);
  assert.deepEqual(names(await fromFile('b.txt', wide(german), 3)), expected);
  assert.deepEqual(names(await fromFile('c.txt', wide(german, '\uFEFF').swap16(), 3)), expected);
  assert.deepEqual(names(await fromFile('d.txt', wide('猫\r\n狗\r\n'), 2)), ['猫', '狗']);
  const remarks: string[] = [];
  const guessed = async (hex: string, classes: number) => {
    const file = path.join(scratch, 'guess.txt');
    await writeFile(file, Buffer.from(hex, 'hex'));
    return names(await readLabelFile(file, classes, (text) => remarks.push(text)));
  };
  assert.deepEqual(await guessed(Buffer.from(german, 'latin1').toString('hex'), 3), expected);
  assert.match(remarks.pop()!, /is not UTF-8 and is read as Windows-1252/);
  assert.deepEqual(await guessed('c3a80ab9b70a', 2), ['猫', '狗']);
  assert.match(remarks.pop()!, /GB18030/);
  assert.deepEqual(await guessed('eaeef8eae00af1eee1e0eae00a', 2), ['кошка', 'собака']);
  assert.deepEqual(await guessed('836c8352 0a 83438 36b0a'.replaceAll(' ', ''), 2), ['ネコ', 'イヌ']);
  assert.deepEqual(await guessed('bfdf0aaaaf0ab3be0a', 3), ['貓', '狗', '鳥']);
  await assert.rejects(fromFile('picture.txt', Buffer.from('ffd8ffe000104a46494600', 'hex'), 1), /is no text; expected/); // prettier-ignore
});

test('hostile files end in one line', async () => {
  await assert.rejects(
    fromFile('deep.json', `["a",${'['.repeat(20_000)}`, 2),
    /is not JSON: more than 32 levels/,
  );
  await assert.rejects(fromFile('deep.yaml', `names: ${'['.repeat(20_000)}`, 2), /is not YAML/);
  await assert.rejects(
    fromFile('bomb.yaml', 'a: &a [x, x]\nnames: [*a, *a]\n', 2),
    /says that class 0 is a list of 2/,
  );
  await assert.rejects(readLabelFile(scratch, 1), /is a folder, expected a regular file/);
});

test('other ways to number names in text decide the order too; names that end in numbers keep them', async () => {
  const table: readonly (readonly [name: string, text: string])[] = [
    ['arrow.txt', '1 -> bee\n0 -> apple\n2 -> cat'],
    ['bracket.txt', '[1] bee\n[0] apple\n[2] cat'],
    ['bar.txt', '1|bee\n0|apple\n2|cat'],
    ['behind.txt', 'bee: 1\napple: 0\ncat: 2'],
    ['equal.txt', 'bee=1\napple=0\ncat=2'],
    ['blank.txt', 'bee 1\napple 0\ncat 2'],
    ['float.csv', 'index,label\n1.0,bee\n0.0,apple\n2.0,cat'],
    ['lines.py', "0: 'apple',\n2: 'cat',\n1: 'bee',"],
    ['keys.json', '[{"class_id":1,"class_name":"bee"},{"class_id":0,"class_name":"apple"},{"class_id":2,"class_name":"cat"}]'],
    ['value.json', '[{"value":"apple"},{"value":"bee"},{"value":"cat"}]'],
  ]; // prettier-ignore
  for (const [name, text] of table) assert.deepEqual(names(await fromFile(name, text, 3)), ['apple', 'bee', 'cat'], name); // prettier-ignore
  assert.deepEqual(names(await fromFile('same.txt', 'type 2\ntype 1', 2)), ['type 2', 'type 1']);
  assert.deepEqual(names(await fromFile('some.txt', 'Boeing 737\nApollo 11', 2)), ['Boeing 737', 'Apollo 11']); // prettier-ignore
  assert.deepEqual(await fromFile('synset.txt', 'n00000001: a\nn00000002: b', 2), [
    { id: 'n00000001', label: 'a' },
    { id: 'n00000002', label: 'b' },
  ]);
});

test('Korean, Japanese and Cyrillic letters of older encodings, and quotes of Windows-1252', async () => {
  const koi8 = Buffer.from('d1c2cccfcbcf0ad0dec5ccc10acbcfd4', 'hex');
  assert.deepEqual(names(await fromFile('koi8.txt', koi8, 3)), ['яблоко', 'пчела', 'кот']);
  const korean = Buffer.from('b0edbee7c0cc0ab0adbec6c1f60ac8a3b6fbc0cc0abbe7c0da0ab3aabaf1', 'hex'); // prettier-ignore
  assert.deepEqual(names(await fromFile('korean.txt', korean, 5)), ['고양이', '강아지', '호랑이', '사자', '나비']); // prettier-ignore
  const japanese = Buffer.from('a4cda4b30aa4a4a4cc0aa5cfa5c1', 'hex');
  assert.deepEqual(names(await fromFile('japanese.txt', japanese, 3)), ['ねこ', 'いぬ', 'ハチ']);
  const western = Buffer.from('64926f720a93789494', 'hex');
  assert.deepEqual(names(await fromFile('western.txt', western, 2)), ['d’or', '“x””']);
  const wide = Buffer.concat([Buffer.from([0xff, 0xfe, 0, 0]), Buffer.from('61000000', 'hex')]);
  await assert.rejects(fromFile('utf32.txt', wide, 1), { code: 'LABELS_INVALID', message: /is no text/ });
});
