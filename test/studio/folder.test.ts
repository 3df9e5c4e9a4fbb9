// The studio's folder: every change and its undo, kills between any two steps, journals from strangers, and what others change.

import assert from 'node:assert/strict';
import { chmod, link, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Listing } from '../../src/studio/folder/listing.ts';
import type { StudioFolder } from '../../src/studio/folder/studio-folder.ts';
import type { Step } from '../../src/studio/folder/steps.ts';
import { AppError } from '../../src/util/errors.ts';
import { contents, inStudio, newFolder, removed, writeFiles } from '../helpers/studio.ts';

const NAMES = ['cat/1.jpg', 'cat/2.jpg', 'cat/deep/3.jpg', 'dog/1.jpg', 'new.jpg'];
const JOURNAL = '.finch-studio/journal.ndjson';

let root = '';
beforeEach(async () => {
  root = await newFolder();
  await writeFiles(root, NAMES);
});
afterEach(() => removed(root));

const countsOf = ({ listing }: StudioFolder) => ({
  classes: Object.fromEntries(listing.classes().map(({ name, count }) => [name, count])),
  unlabelled: listing.count('unlabelled'),
  trash: listing.count('trash'),
});

const CHANGES: Readonly<Record<string, (folder: StudioFolder) => Promise<unknown>>> = {
  'move to a class': (folder) => folder.move(['cat/1.jpg', 'new.jpg'], 'dog'),
  'move to a new class': (folder) => folder.move(['cat/deep/3.jpg', 'dog/1.jpg'], 'fox'),
  'move to no class': (folder) => folder.move(['cat/1.jpg', 'dog/1.jpg'], null),
  trash: (folder) => folder.discard(['cat/1.jpg', 'cat/deep/3.jpg', 'new.jpg']),
  'a new class': (folder) => folder.makeClass('fox'),
  rename: (folder) => folder.renameClass({ from: 'cat', to: 'fox', merge: false }),
  merge: (folder) => folder.renameClass({ from: 'cat', to: 'dog', merge: true }),
  'remove a class': (folder) => folder.removeClass('cat'),
};

describe('changes', () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    test(`${name}: no picture is lost, the list is what lies on disk, and undo gives back what was`, async () => {
      const before = await contents(root);
      await inStudio(root, async (folder) => {
        const counts = countsOf(folder);
        await change(folder);
        const after = await contents(root);
        assert.deepEqual(Object.values(after).toSorted(), Object.values(before).toSorted());
        const known = countsOf(folder);
        assert.equal(await folder.listing.refresh(), false, 'what is known is what is there');
        assert.deepEqual(countsOf(folder), known);
        await folder.undo();
        assert.deepEqual(await contents(root), before);
        assert.deepEqual(countsOf(folder), counts);
        await assert.rejects(folder.undo(), { code: 'NOT_FOUND' });
      });
    });
  }

  test('undo goes back step by step, also after the studio was started anew', async () => {
    const before = await contents(root);
    for (const change of Object.values(CHANGES).slice(0, 3)) {
      await inStudio(root, async (folder) => void (await change(folder).catch(() => {})));
    }
    await inStudio(root, async (folder) => {
      await folder.add(Buffer.from('fresh'), 'fresh.jpg', 'bird');
      assert.equal(folder.canUndo, 'fresh.jpg added');
      while (folder.canUndo !== null) await folder.undo();
    });
    assert.deepEqual(await contents(root), { ...before, '.finch-studio/trash/bird/fresh.jpg': 'fresh' });
  });

  test('names that clash get a number, and nothing is replaced', async () => {
    await inStudio(root, async (folder) => {
      const { moved } = await folder.move(['cat/1.jpg'], 'dog');
      assert.deepEqual(moved, [{ from: 'cat/1.jpg', to: 'dog/1-2.jpg' }]);
      assert.equal(await folder.add(Buffer.from('x'), '1.jpg', 'dog'), 'dog/1-3.jpg');
      assert.equal(await readFile(path.join(root, 'dog/1.jpg'), 'utf8'), 'dog/1.jpg');
    });
  });

  test('what is not there is told, and the others move', async () => {
    await inStudio(root, async (folder) => {
      await rm(path.join(root, 'cat/2.jpg'));
      const { moved, failed } = await folder.move(['cat/1.jpg', 'cat/2.jpg', '../x', 'cat/1.jpg'], 'fox');
      assert.deepEqual(moved.map(({ from }) => from), ['cat/1.jpg']); // prettier-ignore
      assert.deepEqual(failed.map(({ id }) => id).toSorted(), ['../x', 'cat/2.jpg']);
    });
  });

  test('class names that are no folder on some system, or lead elsewhere, are refused', async () => {
    const long = 'x'.repeat(101);
    await inStudio(root, async (folder) => {
      for (const name of ['', ' ', '.', '..', '.git', 'a/b', 'a\\b', 'a\0b', 'nul', 'COM1.txt', 'a.', long, '漢'.repeat(90), '<img src=x onerror=alert(1)>', 'node_modules', 'a\u202eb']) {
        await assert.rejects(folder.makeClass(name), { code: 'USAGE' }, name);
        await assert.rejects(folder.move(['new.jpg'], name), { code: 'USAGE' }, name);
        await assert.rejects(folder.add(Buffer.from('x'), 'x.jpg', name), { code: 'USAGE' }, name);
        await assert.rejects(folder.renameClass({ from: 'cat', to: name, merge: true }), { code: 'USAGE' }, name);
      }
      assert.deepEqual(countsOf(folder), { classes: { cat: 3, dog: 1 }, unlabelled: 1, trash: 0 });
      await folder.makeClass('防尘罩 & Söhne');
      await assert.rejects(folder.makeClass('cat'), { code: 'EXISTS' });
      await assert.rejects(folder.makeClass('new.jpg'), { code: 'EXISTS' });
      await assert.rejects(folder.renameClass({ from: 'cat', to: 'dog', merge: false }), { code: 'EXISTS' });
      await assert.rejects(folder.renameClass({ from: 'owl', to: 'dog', merge: true }), { code: 'NOT_FOUND' });
      await assert.rejects(folder.removeClass('owl'), { code: 'NOT_FOUND' });
    }); // prettier-ignore
  });
});

interface Begun {
  readonly steps: readonly Step[];
  /** Puts back what was before the change, with the journal that says it is begun. */
  readonly restore: () => Promise<void>;
}

async function begun(change: (folder: StudioFolder) => Promise<unknown>): Promise<Begun> {
  await inStudio(root, async (folder) => void (await change(folder)));
  const [line] = (await readFile(path.join(root, JOURNAL), 'utf8')).split('\n');
  const { steps } = JSON.parse(line!) as { readonly steps: readonly Step[] };
  const restore = async () => {
    await removed(root);
    await writeFiles(root, NAMES);
    await mkdir(path.join(root, '.finch-studio'), { recursive: true });
    await writeFile(path.join(root, JOURNAL), `${line}\n`);
  };
  return { steps, restore };
}

describe('kills', () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    test(`${name}: killed after any step, or within one, the next start finishes it, and undo takes it back`, async () => {
      const before = await contents(root);
      const { steps, restore } = await begun(change);
      const after = await contents(root);
      // The last round has all steps done, and not the journal's last line.
      for (let done = 0; done <= steps.length; done++) {
        for (const isWithin of done < steps.length ? [false, true] : [false]) {
          await restore();
          for (const [i, step] of steps.slice(0, done + 1).entries()) await kill(step, i < done, isWithin);
          await inStudio(root, async (folder) => {
            assert.deepEqual(await contents(root), after, `killed at step ${done}`);
            assert.equal(await folder.listing.refresh(), false);
            await folder.undo();
          });
          assert.deepEqual(await contents(root), before);
        }
      }
    });
  }

  /** Does a step as the studio does, or the first half of it: a file has both names then. */
  async function kill(step: Step, isDone: boolean, isWithin: boolean): Promise<void> {
    const at = (id: string) => path.join(root, id);
    if ('make' in step && isDone) await mkdir(at(step.make), { recursive: true });
    if (!('from' in step)) return;
    await mkdir(path.dirname(at(step.to)), { recursive: true });
    if (isDone) await rename(at(step.from), at(step.to));
    else if (isWithin && step.from.endsWith('.jpg')) await link(at(step.from), at(step.to));
  }

  test('a line that was cut was not begun; a picture that has not got its place is taken away at the next start', async () => {
    const before = await contents(root);
    await (await begun(CHANGES['trash']!)).restore();
    const line = await readFile(path.join(root, JOURNAL), 'utf8');
    for (const length of [1, 20, line.length - 1]) {
      await writeFile(path.join(root, JOURNAL), line.slice(0, length));
      await inStudio(root, async ({ canUndo }) => assert.equal(canUndo, null));
      assert.deepEqual(await contents(root), before);
    }
    await inStudio(root, async (folder) => void (await folder.move(['new.jpg'], 'cat')));
    await inStudio(root, async ({ canUndo }) => assert.equal(canUndo, '1 picture to cat'));
  });

  test('half of an upload is no picture, and goes', async () => {
    const own = path.join(root, '.finch-studio', 'incoming');
    await mkdir(own, { recursive: true });
    // Of process 1 of a machine that is another one, long ago.
    const old = path.join(own, '.a.jpg.000000000000.tmp');
    await writeFile(old, 'half');
    await utimes(old, 0, 0);
    await inStudio(root, async (folder) => assert.equal(folder.listing.count('all'), NAMES.length));
    assert.equal((await contents(root))['.finch-studio/incoming/.a.jpg.000000000000.tmp'], undefined);
  });
});

describe('strangers', () => {
  /** A journal with this change begun. */
  async function foreign(steps: unknown): Promise<void> {
    await mkdir(path.join(root, '.finch-studio'), { recursive: true });
    const line = JSON.stringify({ id: 1, at: new Date().toISOString(), text: 'x', steps });
    await writeFile(path.join(root, JOURNAL), `${line}\n`);
  }

  test('a journal that names places outside is refused, and nothing is moved', async () => {
    const outside = await newFolder();
    await writeFiles(outside, ['secret.jpg']);
    const secret = path.relative(root, path.join(outside, 'secret.jpg'));
    for (const from of [
      secret,
      path.join(outside, 'secret.jpg'),
      'cat/../../x',
      './cat',
      'cat//1.jpg',
      '',
      'a\0',
    ]) {
      await foreign([{ from, to: 'cat/9.jpg' }]);
      await assert.rejects(
        inStudio(root, async () => {}),
        { code: 'FILE_INVALID' },
        from,
      );
      await foreign([{ from: 'cat/1.jpg', to: from }]);
      await assert.rejects(
        inStudio(root, async () => {}),
        { code: 'FILE_INVALID' },
        from,
      );
    }
    for (const lines of ['{}\n', 'x\n', '{"id":1,"left":[]}\n', '[]\n']) {
      await writeFile(path.join(root, JOURNAL), lines);
      await assert.rejects(
        inStudio(root, async () => {}),
        (error) => error instanceof AppError,
      );
    }
    await rm(path.join(root, JOURNAL));
    // A link on the way leads out as well.
    await symlink(outside, path.join(root, 'way'));
    await foreign([{ from: 'way/secret.jpg', to: 'cat/9.jpg' }, { from: 'cat/1.jpg', to: 'way/9.jpg' }, { make: 'way/x' }]); // prettier-ignore
    await inStudio(root, async () => {});
    assert.deepEqual(Object.keys(await contents(outside)), ['secret.jpg']);
    assert.equal(await readFile(path.join(root, 'cat/1.jpg'), 'utf8'), 'cat/1.jpg');
    await removed(outside);
  });

  test('links are not shown; the own folders and the journal must be none', async () => {
    const outside = await newFolder();
    await writeFiles(outside, ['secret.jpg']);
    await symlink(path.join(outside, 'secret.jpg'), path.join(root, 'cat', 'link.jpg'));
    await symlink(outside, path.join(root, 'linked'));
    const notes: string[] = [];
    await inStudio(root, async (folder) => {
      assert.deepEqual(countsOf(folder).classes, { cat: 3, dog: 1 });
      await assert.rejects(folder.fileOf('cat/link.jpg'), { code: 'NOT_FOUND' });
      // A picture that became a link since.
      await rm(path.join(root, 'new.jpg'));
      await symlink(path.join(outside, 'secret.jpg'), path.join(root, 'new.jpg'));
      await assert.rejects(folder.fileOf('new.jpg'), { code: 'NOT_FOUND' });
      const { failed } = await folder.move(['new.jpg'], 'cat');
      assert.equal(failed.length, 1);
    }, (note) => notes.push(note)); // prettier-ignore
    assert.match(notes.join(), /left out: 2 links/);
    await rm(path.join(root, JOURNAL));
    await writeFiles(outside, ['target']);
    await symlink(path.join(outside, 'target'), path.join(root, JOURNAL));
    await assert.rejects(
      inStudio(root, (folder) => folder.makeClass('x')),
      (error) => error instanceof AppError,
    );
    assert.equal(await readFile(path.join(outside, 'target'), 'utf8'), 'target');
    await rm(path.join(root, '.finch-studio'), { recursive: true });
    await symlink(outside, path.join(root, '.finch-studio'));
    await assert.rejects(
      inStudio(root, async () => {}),
      /is a link or a file/,
    );
    await removed(outside);
  });

  test('a second studio is refused; a missing, divided or wrong folder is told', async () => {
    await inStudio(root, async () => {
      await assert.rejects(
        inStudio(root, async () => {}),
        /another studio \(process \d+\) works on/,
      );
    });
    await assert.rejects(
      inStudio(path.join(root, 'no'), async () => {}),
      { code: 'DATASET_NOT_FOUND' },
    );
    await assert.rejects(
      inStudio(path.join(root, 'new.jpg'), async () => {}),
      { code: 'DATASET_INVALID' },
    );
    const divided = path.join(root, 'divided');
    await writeFiles(divided, ['train/cat/1.jpg', 'train/dog/1.jpg', 'val/cat/1.jpg', 'val/dog/1.jpg']);
    await assert.rejects(
      inStudio(divided, async () => {}),
      /divided into train and val.*finch studio .*train/,
    );
  });
});

test('an upload that made its class is taken back with the class', async () => {
  await inStudio(root, async (folder) => {
    await folder.add(Buffer.from('fresh'), 'fresh.jpg', 'bird');
    await folder.undo();
    assert.deepEqual(countsOf(folder), { classes: { cat: 3, dog: 1 }, unlabelled: 1, trash: 1 });
    await assert.rejects(readFile(path.join(root, 'bird')), { code: 'ENOENT' });
  });
});

test('a folder that was away for a while is as it was', async () => {
  await inStudio(root, async () => {});
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const inner of ['cat/deep', 'cat', 'dog', '.']) await utimes(path.join(root, inner), longAgo, longAgo);
  await inStudio(root, async (folder) => {
    const counts = countsOf(folder);
    await rename(root, `${root}-away`);
    assert.equal(await folder.trouble(), 'gone');
    await symlink(path.basename(root), root);
    assert.equal(await folder.trouble(), 'failing');
    await rm(root);
    await folder.listing.refresh();
    await rename(`${root}-away`, root);
    assert.equal(await folder.trouble(), null);
    // It is not read again at once.
    const end = Date.now() + 20_000;
    while (!isDeepStrictEqual(countsOf(folder), counts) && Date.now() < end) {
      await folder.listing.refresh();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(countsOf(folder), counts);
  });
});

const isRoot = process.getuid?.() === 0;
test(
  'a folder in it that may not be read is left out until it may, and the folder around it is not read for it',
  { skip: process.platform === 'win32' && 'no modes there' },
  async () => {
    await inStudio(root, async () => {});
    await chmod(path.join(root, 'cat'), 0);
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(root, longAgo, longAgo);
    // Root may read everything.
    if (isRoot) await chmod(root, 0o755);
    const asNobody = <T>(action: () => Promise<T>): Promise<T> => {
      if (isRoot) process.seteuid!(65_534);
      return action().finally(() => isRoot && process.seteuid!(0));
    };
    const listing = await asNobody(() => Listing.read(root));
    const classes = () => Object.fromEntries(listing.classes().map(({ name, count }) => [name, count]));
    assert.deepEqual([listing.unread, classes()], [['cat'], { cat: 0, dog: 1 }]);
    const refresh = () => asNobody(() => listing.refresh());
    assert.equal(await refresh(), false);
    await chmod(path.join(root, 'cat'), 0o755);
    const end = Date.now() + 20_000;
    while (listing.unread.length > 0 && Date.now() < end) {
      await refresh();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual([listing.unread, classes()], [[], { cat: 3, dog: 1 }]);
  },
);

test('what others change in the folder is found', async () => {
  await inStudio(root, async (folder) => {
    await writeFiles(root, ['dog/2.jpg', 'owl/1.jpg', 'owl/note.txt']);
    await rm(path.join(root, 'cat'), { recursive: true });
    // The file system's clock has ticks, and a folder is not read again at once: some looks find a part of it.
    const expected = { classes: { dog: 2, owl: 1 }, unlabelled: 1, trash: 0 };
    const end = Date.now() + 20_000;
    while (!isDeepStrictEqual(countsOf(folder), expected) && Date.now() < end) {
      await folder.listing.refresh();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(countsOf(folder), expected);
    assert.deepEqual(folder.listing.pictures('all'), ['new.jpg', 'dog/1.jpg', 'dog/2.jpg', 'owl/1.jpg']);
  });
});

test(
  'a folder that links lead to in a circle is told in one line',
  { skip: process.platform === 'win32' && 'links need rights there' },
  async () => {
    await symlink('loop', path.join(root, 'loop'));
    await assert.rejects(
      inStudio(path.join(root, 'loop'), async () => {}),
      (error) => error instanceof AppError && /ELOOP/.test(error.message),
    );
  },
);
