// What stands on the command line: which word means what, patterns, lists, stdin, links, interrupts. Nothing here is decoded.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { imageReferences, type ImageReference } from '../../src/images/source.ts';

let scratch = '';
const former = process.cwd();
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-source-'));
  process.chdir(scratch);
});
after(async () => {
  process.chdir(former);
  await rm(scratch, { recursive: true, force: true });
});

async function files(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(path.dirname(name), { recursive: true });
    await writeFile(name, name);
  }
}

async function references(
  inputs: readonly string[],
  stdin: string | Uint8Array = '',
): Promise<readonly ImageReference[]> {
  const found: ImageReference[] = [];
  const stream = Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)]);
  for await (const reference of imageReferences(inputs, stream)) found.push(reference);
  return found;
}

/** File names; of what went wrong the error's code and message. */
async function named(inputs: readonly string[], stdin?: string | Uint8Array): Promise<readonly string[]> {
  return (await references(inputs, stdin)).map(({ file, content }) =>
    'error' in content ? `${file} ${content.error.code}: ${content.error.message}` : file,
  );
}

describe('a file that is there wins over every other meaning', () => {
  test('@, -, and signs of a pattern', async () => {
    const names = [
      '@home.jpg',
      '-',
      'photo [1].jpg',
      'a*.jpg',
      'what?.jpg',
      '{a,b}.jpg',
      '!x.jpg',
      'photo (3).jpg',
    ];
    await files(...names);
    assert.deepEqual(await named(names), names);
    for (const name of names) await rm(name);
  });

  test('folders too: patterns below them', async () => {
    await files(
      'trip (1)/a.jpg',
      'set [x]/b.jpg',
      'set {1,2}/c.jpg',
      'trip (2)/deep/d.jpg',
      'a (b|c)/e.jpg',
      '@eaDir/t.jpg',
    );
    assert.deepEqual(await named(['trip (1)/*.jpg']), ['trip (1)/a.jpg']);
    assert.deepEqual(await named(['set [x]/*']), ['set [x]/b.jpg']);
    assert.deepEqual(await named(['set {1,2}/*.jpg']), ['set {1,2}/c.jpg']);
    assert.deepEqual(await named(['a (b|c)/*.jpg']), ['a (b|c)/e.jpg']);
    assert.deepEqual(await named(['trip (*)/**/*.jpg']), ['trip (1)/a.jpg', 'trip (2)/deep/d.jpg']);
    assert.deepEqual(await named(['t* (2)/deep/*.jpg']), ['trip (2)/deep/d.jpg']);
    assert.deepEqual(await named(['@eaDir']), ['@eaDir/t.jpg']);
  });
});

test('patterns: sets, alternatives, one with a slash, deep ones, none that leads into hidden or system folders', async () => {
  await files(
    'p/a/1.jpg',
    'p/a/2.png',
    'p/b/3.jpg',
    'p/b/.x/4.jpg',
    'p/@eaDir/5.jpg',
    'p/6.jpg',
    'p/a/7.txt',
  );
  assert.deepEqual(await named(['p/**/*.jpg']), ['p/6.jpg', 'p/a/1.jpg', 'p/b/3.jpg']);
  assert.deepEqual(await named(['p/[ab]/*.{jpg,png}']), ['p/a/1.jpg', 'p/a/2.png', 'p/b/3.jpg']);
  assert.deepEqual(await named(['p/{a/1,b/3}.jpg']), ['p/a/1.jpg', 'p/b/3.jpg']);
  assert.deepEqual(await named(['p/!(a)/*.jpg']), ['p/b/3.jpg']);
  assert.deepEqual(await named([path.join(scratch, 'p/*.jpg')]), [path.join(scratch, 'p/6.jpg')]);
  const [first] = await references(['p/**/*.jpg']);
  assert.equal(first!.root, 'p');
});

test('what is missing is missing, though it looks like a pattern', async () => {
  for (const name of ['photo (3).jpg', 'IMG [7].jpg', 'a{1,2}.jpg', 'what?.jpg', '!gone.jpg', 'x(1|2).jpg']) {
    const [row] = await named([name]);
    assert.match(row!, /INPUT_NOT_FOUND: no such file or folder.*; check the path/, name);
  }
  assert.match((await named(['*.none']))[0]!, /INPUT_EMPTY: no picture matches/);
  assert.match(
    (await named(['file:///tmp/a%20b.jpg']))[0]!,
    /INPUT_NOT_FOUND: files are named by their paths/,
  );
});

describe('lists of paths', () => {
  const wide = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
  before(() => files('l/a.jpg', 'l/b ü.jpg', 'l/new\nline.jpg'));

  test('UTF-8, UTF-16 with and without a mark, Windows line ends, blank lines', async () => {
    const text = 'l/a.jpg\r\n\r\nl/b ü.jpg\r\n';
    for (const bytes of [
      Buffer.from(text),
      Buffer.from(`\uFEFF${text}`),
      wide(text),
      wide(text).subarray(2),
      wide(text).swap16(),
    ]) {
      await writeFile('list.txt', bytes);
      assert.deepEqual(await named(['@list.txt']), ['l/a.jpg', 'l/b ü.jpg']);
      assert.deepEqual(await named(['-'], bytes), ['l/a.jpg', 'l/b ü.jpg']);
    }
  });

  test('find -print0: a name may hold a line end', async () => {
    const text = 'l/a.jpg\0l/new\nline.jpg\0';
    await writeFile('list.txt', text);
    assert.deepEqual(await named(['@list.txt']), ['l/a.jpg', 'l/new\nline.jpg']);
    assert.deepEqual(await named(['-'], text), ['l/a.jpg', 'l/new\nline.jpg']);
  });

  test('binary bytes are one line of error, and no pattern', async () => {
    const binary = Buffer.from('ffd8ffe000104a46494600010a2f2a2a2f2a0a', 'hex');
    await writeFile('list.txt', binary);
    const rows = await named(['@list.txt']);
    assert.equal(rows.length, 1);
    assert.match(rows[0]!, /@list.txt INPUT_NOT_FOUND: these bytes are no text; expected a text of paths/);
    await writeFile('list.txt', Buffer.alloc(200_000, 'a'));
    assert.match((await named(['@list.txt'])).join(), /a line has more than 65536 bytes/);
    assert.match((await named(['@gone.txt'])).join(), /no such list of paths/);
    assert.match((await named(['@l'])).join(), /is a folder, expected a regular file/);
  });

  test('binary bytes on stdin are a picture, whatever they are', async () => {
    for (const hex of ['49492b000800000010000000', '0affd8ffe000104a46494600', '00000000000000']) {
      const [row, ...more] = await references(['-'], Buffer.from(hex, 'hex'));
      assert.equal(more.length, 0);
      assert.ok('bytes' in row!.content);
    }
  });
});

test(
  'a name that is not UTF-8 is opened by its bytes',
  { skip: process.platform !== 'linux' && 'names are Unicode here' },
  async () => {
    await mkdir('latin');
    const name = Buffer.from('latin/L\xf6we.jpg', 'latin1');
    await writeFile(name, 'x');
    const [row] = await references(['latin']);
    assert.ok('path' in row!.content && Buffer.from(row!.content.path as Uint8Array).equals(name));
    const [listed] = await references(['-'], Buffer.concat([name, Buffer.from('\n')]));
    assert.ok('path' in listed!.content && Buffer.from(listed!.content.path as Uint8Array).equals(name));
  },
);

describe('links', () => {
  test('a chain of folders with two links each to the next is walked once', async () => {
    for (let i = 0; i < 20; i++) {
      await mkdir(`chain/d${i}`, { recursive: true });
      for (const name of ['l', 'r']) await symlink(path.resolve(`chain/d${i + 1}`), `chain/d${i}/${name}`);
    }
    await files('chain/d20/x.jpg');
    assert.equal((await named(['chain/d0'])).length, 1);
    assert.equal((await named(['chain/d0/**/*.jpg'])).length, 1);
  });

  test('links back end', async () => {
    await files('back/a/1.jpg');
    await symlink(path.resolve('back'), 'back/a/up');
    assert.deepEqual(await named(['back']), ['back/a/1.jpg']);
    assert.deepEqual(await named(['back/**/*.jpg']), ['back/a/1.jpg']);
  });
});

test('an interrupt ends patterns, folders and a stdin that says nothing', async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(), 100);
  const started = performance.now();
  const waiting = new Readable({ read() {} });
  for (const input of ['/**/*.zzz', '/', '-']) {
    for await (const { content } of imageReferences([input], waiting, interrupt.signal)) {
      if ('error' in content) assert.notEqual(content.error.code, 'INPUT_EMPTY');
    }
  }
  assert.ok(performance.now() - started < 5000);
});
