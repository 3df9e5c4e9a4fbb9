// watch.test.ts: `classify --watch` as a user meets it: what is there, what arrives, what is not whole yet, and how it ends.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { draw } from '../helpers/pictures.ts';
import { cliIn, startCli } from '../helpers/run-cli.ts';
import { until } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const { run } = cliIn(() => scratch);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-watch-'));
  await writeSmallModel(at('small'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A watch of a new folder, the files that it has answered for, and its errors. */
async function watching(name: string, ...flags: readonly string[]) {
  await mkdir(at(name), { recursive: true });
  const child = startCli('classify', ['--watch', name, '--model', 'small', ...flags], {
    env: { FINCH_HOME: scratch },
    spawn: { cwd: scratch },
  });
  const lines: string[] = [];
  const said = { errors: '' };
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  child.stderr!.on('data', (chunk: Buffer) => (said.errors += chunk.toString()));
  const files = () => lines.map((line) => path.relative(name, (JSON.parse(line) as { file: string }).file));
  return { child, lines, files, said };
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals = 'SIGINT'): Promise<unknown> {
  const exit = once(child, 'exit');
  child.kill(signal);
  return (await exit)[0];
}

test('pictures that are there come first, by name; then those that arrive, also in new folders', async () => {
  for (const name of ['b.png', 'a.png']) await draw(at(name), 'disc');
  await mkdir(at('in'), { recursive: true });
  for (const name of ['b.png', 'a.png']) await rename(at(name), at('in', name));
  await writeFile(at('in', 'notes.txt'), 'no picture');
  const { child, files } = await watching('in');
  await until(() => files().length === 2);
  assert.deepEqual(files(), ['a.png', 'b.png']);
  await mkdir(at('in', 'new'));
  await draw(at('in', 'new', 'c.png'), 'stripes');
  await until(() => files().length === 3);
  assert.equal(files()[2], path.join('new', 'c.png'));
  assert.equal(await stopped(child), 0);
});

test('folders that come one after another, and within each other, are all looked into', async () => {
  const whole = await readFile(await draw(at('folders.png'), 'disc'));
  const { child, files } = await watching('folders');
  await writeFile(at('folders', 'first.png'), whole);
  await until(() => files().length === 1);
  for (let i = 0; i < 10; i++) {
    const folder = path.join(`${i}`, ...(i % 3 === 0 ? ['deep', 'deeper'] : []));
    await mkdir(at('folders', folder), { recursive: true });
    await sleep(i * 4);
    await writeFile(at('folders', folder, 'c.png'), whole);
  }
  await until(() => files().length === 11);
  assert.equal(new Set(files()).size, 11);
  assert.equal(await stopped(child), 0);
});

test('a folder that is a link is watched as what it leads to, and nothing beside it is read', async () => {
  await mkdir(at('home', 'far'), { recursive: true });
  const whole = await readFile(await draw(at('linked.png'), 'disc'));
  await mkdir(at('target'));
  await writeFile(at('target', 'there.png'), whole);
  await symlink(at('target'), at('home', 'pictures'));
  for (const beside of ['beside.png', path.join('far', 'deep.png')])
    await writeFile(at('home', beside), whole);
  const { child, files } = await watching(path.join('home', 'pictures'));
  await until(() => files().length === 1);
  await mkdir(at('target', 'new'));
  await writeFile(at('target', 'new', 'c.png'), whole);
  await until(() => files().length === 2);
  await sleep(1500);
  assert.deepEqual(files(), ['there.png', path.join('new', 'c.png')]);
  assert.equal(await stopped(child), 0);
});

test('half a picture waits for its end; unfinished names and hidden files are no pictures; a broken one is a row', async () => {
  const whole = await readFile(await draw(at('whole.png'), 'disc'));
  const { child, lines, files } = await watching('parts');
  for (const name of ['.hidden.png', 'x.png.part', 'y.png.crdownload', '~z.png'])
    await writeFile(at('parts', name), whole);
  // A picture whose writer goes on for longer than the time of stillness.
  for (let i = 0; i < 4; i++) {
    const begin = Math.floor((i * whole.length) / 4);
    await appendFile(
      at('parts', 'slow.png'),
      whole.subarray(begin, Math.floor(((i + 1) * whole.length) / 4)),
    );
    if (i < 3) await new Promise((resolve) => setTimeout(resolve, 400));
  }
  await until(() => files().length === 1);
  assert.match(lines[0]!, /predictions/);
  await writeFile(at('parts', 'broken.png'), 'text');
  await rename(at('parts', 'x.png.part'), at('parts', 'x.png'));
  await until(() => files().length === 3);
  assert.deepEqual(files().sort(), ['broken.png', 'slow.png', 'x.png']);
  assert.match(lines.join('\n'), /IMAGE_UNREADABLE/);
  assert.equal(await stopped(child, 'SIGTERM'), 0);
});

test('a picture that is overwritten is answered again, one that is touched by nobody is not', async () => {
  const { child, files } = await watching('again');
  await draw(at('again', 'a.png'), 'disc');
  await until(() => files().length === 1);
  await rm(at('again', 'a.png'));
  await draw(at('again', 'a.png'), 'stripes');
  await until(() => files().length === 2);
  await draw(at('again', 'last.png'), 'disc');
  await until(() => files().length === 3);
  assert.deepEqual(files(), ['a.png', 'a.png', 'last.png']);
  assert.equal(await stopped(child), 0);
});

test('many at once are all answered', async () => {
  const bytes = await readFile(await draw(at('many.png'), 'disc'));
  const { child, files } = await watching('many');
  const long = new Date('2020-01-01');
  for (let i = 0; i < 300; i++) {
    await writeFile(at(`new-${i}.png`), bytes);
    await utimes(at(`new-${i}.png`), long, long);
    await rename(at(`new-${i}.png`), at('many', `${i}.png`));
  }
  await until(() => files().length === 300);
  assert.equal(new Set(files()).size, 300);
  assert.equal(await stopped(child), 0);
});

test('--sort-into moves what arrives into the folders of classes', async () => {
  const { child, files } = await watching('inbox', '--sort-into', 'sorted', '--sort-by', 'move');
  await draw(at('inbox', 'a.png'), 'disc');
  await until(() => files().length === 1);
  await until(async () => (await readdir(at('inbox'))).length === 0);
  assert.equal(await stopped(child), 0);
});

test('a folder that is removed ends the watch with a line', async () => {
  const { child, files, said } = await watching('gone');
  await draw(at('gone', 'a.png'), 'disc');
  await until(() => files().length === 1);
  const exit = once(child, 'exit');
  await rm(at('gone'), { recursive: true });
  assert.equal((await exit)[0], 1);
  assert.match(said.errors, /error: --watch gone: the folder is gone/);
});

test('when the reader of the rows goes, the watch ends', async () => {
  const { child } = await watching('unread');
  child.stdout!.destroy();
  const exit = once(child, 'exit');
  await draw(at('unread', 'a.png'), 'disc');
  assert.equal((await exit)[0], 0);
});

test('what has no meaning with a watch is refused', async () => {
  await mkdir(at('empty'), { recursive: true });
  const refused: readonly (readonly [code: number, message: RegExp, ...flags: readonly string[]])[] = [
    [2, /--format json is one array/, '--watch', 'empty', '--format', 'json'],
    [2, /whole\.png is an INPUT/, 'whole.png', '--watch', 'empty'],
    [2, /--figure is drawn at the end/, '--watch', 'empty', '--figure', 'f.png'],
    [2, /lies inside/, '--watch', 'empty', '--sort-into', 'empty/sorted'],
    [2, /takes a folder/, '--watch', 'small/model.json'],
    [1, /there is no such folder/, '--watch', 'nowhere'],
  ];
  for (const [code, message, ...flags] of refused) {
    const ended = await run('classify', '--model', 'small', ...flags);
    assert.match(ended.stderr, message);
    assert.equal(ended.code, code, ended.stderr);
  }
});
