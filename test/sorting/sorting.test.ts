// Pictures into folders of classes and back: copies, links and moves, names that clash, kills between two steps, what was changed since.

import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { folderNames } from '../../src/sorting/folder-names.ts';
import { journalText, readJournal } from '../../src/sorting/journal.ts';
import { SORT_BY, type SortBy } from '../../src/sorting/place.ts';
import { withSorter, type SaidPicture } from '../../src/sorting/sorter.ts';
import { undoSorting } from '../../src/sorting/undo.ts';
import { AppError } from '../../src/util/errors.ts';

let scratch = '';
let [photos, out, list] = ['', '', ''];
beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-sorting-'));
  [photos, out] = [path.join(scratch, 'photos'), path.join(scratch, 'out')];
  list = path.join(out, 'sorted.csv');
  for (const name of ['a/1.jpg', 'a/2.jpg', 'b/1.jpg', 'b/3.jpg']) {
    await mkdir(path.dirname(path.join(photos, name)), { recursive: true });
    await writeFile(path.join(photos, name), name);
  }
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

/** Every file below a folder with its content. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const files: Record<string, string> = {};
  for (const name of names.toSorted()) {
    const file = path.join(folder, name);
    if (!(await lstat(file)).isDirectory()) files[name.replaceAll('\\', '/')] = String(await readFile(file));
  }
  return files;
}

const said = (file: string, label: string, probability: number): SaidPicture => ({ file: path.join(photos, file), root: photos, label, probability }); // prettier-ignore
const SAID = () => [
  said('a/1.jpg', 'cat', 0.9),
  said('a/2.jpg', 'dog/wolf', 0.8),
  said('b/1.jpg', 'cat', 0.7),
  said('b/3.jpg', 'cat', 0.4),
];
const SORTED = {
  '_unsure/3.jpg': 'b/3.jpg',
  'cat/1-2.jpg': 'b/1.jpg',
  'cat/1.jpg': 'a/1.jpg',
  'dog_wolf/2.jpg': 'a/2.jpg',
};

const sort = (by: SortBy, pictures = SAID()) =>
  withSorter({ folder: out, by, unsure: 0.5 }, async (sorter) => {
    for (const picture of pictures) await sorter.add(picture);
    return sorter.summary();
  });
const undo = () => undoSorting(list, () => true);
const sorted = async () => {
  const { 'sorted.csv': _, ...rest } = await contents(out);
  return rest;
};

for (const by of SORT_BY) {
  describe(by, () => {
    test('into folders, again without harm, and back', async () => {
      const before = await contents(photos);
      await sort(by);
      assert.deepEqual(await sorted(), SORTED);
      assert.deepEqual(await contents(photos), by === 'move' ? {} : before);
      const rows = await readJournal(list);
      assert.deepEqual(rows.map(({ label, probability }) => [label, probability]), [['cat', 0.9], ['dog/wolf', 0.8], ['cat', 0.7], ['cat', 0.4]]); // prettier-ignore
      await sort(by);
      assert.deepEqual(await sorted(), SORTED);
      assert.deepEqual(await readJournal(list), rows);
      assert.deepEqual(await undo(), { done: 4, problems: [] });
      assert.deepEqual(await contents(photos), before);
      assert.deepEqual(await contents(out), {});
    });

    test('a kill before, between and behind the steps of a picture', async () => {
      const before = await contents(photos);
      const pictures = SAID();
      await sort(by, pictures.slice(0, 1));
      // Listed and not placed.
      const [first] = await readJournal(list);
      const second = { from: pictures[1]!.file, to: path.join(out, 'dog_wolf', '2.jpg'), label: 'dog/wolf', probability: 0.8 }; // prettier-ignore
      await writeFile(list, `${journalText([first!, second])}"/cut`);
      await sort(by);
      assert.deepEqual(await sorted(), SORTED);
      assert.equal((await readJournal(list)).length, 4);
      assert.deepEqual(await undo(), { done: 4, problems: [] });
      assert.deepEqual(await contents(photos), before);
    });
  });
}

test('a move that a kill left half done is ended by the next command, or taken back', async () => {
  const before = await contents(photos);
  await sort('link');
  assert.deepEqual(await contents(photos), before);
  await sort('move');
  assert.deepEqual(await contents(photos), {});
  await undo();
  assert.deepEqual(await contents(photos), before);
});

test('what was changed since is left, and its row stays', async () => {
  await sort('copy');
  await writeFile(path.join(out, 'cat', '1.jpg'), 'changed');
  const undone = await undo();
  assert.equal(undone.done, 3);
  assert.match(undone.problems.join('\n'), /1\.jpg: it was changed since/);
  assert.deepEqual(await sorted(), { 'cat/1.jpg': 'changed' });
  assert.equal((await readJournal(list)).length, 1);
});

test('a picture in the former place is not replaced', async () => {
  await sort('move');
  await mkdir(path.join(photos, 'a'), { recursive: true });
  await writeFile(path.join(photos, 'a', '1.jpg'), 'another');
  const { problems } = await undo();
  assert.equal(problems.length, 1);
  assert.equal(String(await readFile(path.join(photos, 'a', '1.jpg'))), 'another');
  assert.equal(String(await readFile(path.join(out, 'cat', '1.jpg'))), 'a/1.jpg');
});

test('folders that are gone are made again', async () => {
  const before = await contents(photos);
  await sort('move');
  await rm(photos, { recursive: true });
  await undo();
  assert.deepEqual(await contents(photos), before);
});

test('links among the pictures are not moved', async () => {
  await symlink(path.join(photos, 'a', '1.jpg'), path.join(photos, 'link.jpg'));
  const lines = await sort('move', [said('link.jpg', 'cat', 1)]);
  assert.match(lines.join('\n'), /links are not moved/);
  assert.ok((await lstat(path.join(photos, 'link.jpg'))).isSymbolicLink());
});

test('nothing is moved out of a folder that is there by a link alone', async () => {
  const elsewhere = path.join(path.dirname(photos), 'elsewhere');
  await mkdir(elsewhere);
  await writeFile(path.join(elsewhere, 'kept.jpg'), 'kept');
  await symlink(elsewhere, path.join(photos, 'linked'));
  const lines = await sort('move', [said('linked/kept.jpg', 'cat', 1), said('a/1.jpg', 'cat', 1)]);
  assert.match(lines.join('\n'), /kept\.jpg: it lies in another folder[^]*moved: 1 picture/);
  assert.equal(String(await readFile(path.join(elsewhere, 'kept.jpg'))), 'kept');
  const kept = said('linked/kept.jpg', 'cat', 1);
  const fromRoot = await sort('move', [{ ...kept, root: path.parse(scratch).root }]);
  assert.match(fromRoot.join('\n'), /it lies in another folder/);
  // The user named the folder too, behind the one in which it was met first.
  assert.deepEqual(await sort('move', [kept, { ...kept, root: path.join(photos, 'linked') }]), [
    'moved: 1 picture, 1 class',
  ]);
});

describe('lists that are none', () => {
  const refused = async (text: string, message: RegExp) => {
    await mkdir(out, { recursive: true });
    await writeFile(list, text);
    await assert.rejects(undo(), (error: unknown) => {
      assert.ok(error instanceof AppError, String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(Object.keys(await contents(photos)).length, 4);
  };
  test('other columns', () => refused('file,label\na,b\n', /expected the columns from,to,label,probability/));
  test('nothing', () => refused('', /lists no picture/));
  test('a line that a kill cut off', () => refused('from,to,la', /lists no picture/));
  test('paths that are not whole', () => refused('from,to,label,probability\na,b,c,1\n', /row 2 has no two absolute paths/)); // prettier-ignore
  test('pictures outside its folder', () =>
    refused(`from,to,label,probability\n/tmp/x,${path.join(photos, 'a', '1.jpg')},c,1\n`, /not in the folder of this list/)); // prettier-ignore
  test('no list', () =>
    assert.rejects(
      undoSorting(path.join(scratch, 'none.csv'), () => true),
      /no such file/,
    ));
});

test('names of classes as folders', () => {
  const folder = folderNames();
  const names = ['cat', 'Cat', '../../etc', 'a/b', 'a:b', '', '..', 'con', '_unsure', 'é'.normalize('NFD'), 'x'.repeat(300), 'a\u202eb\n\u001b[31m'].map((label) => folder(label)); // prettier-ignore
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
  for (const name of names) {
    assert.doesNotMatch(name, /[/\\:\p{C}]|^\.|^$/u);
    assert.ok(Buffer.byteLength(name) <= 250, name);
  }
  assert.equal(folder('cat'), 'cat');
  assert.equal(folder('_unsure'), '_unsure (2)');
});
