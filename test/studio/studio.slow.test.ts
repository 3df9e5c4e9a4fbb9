// The studio as a whole: kill -9 in the middle of moving 1,000 pictures; a run that is stopped, gone on with and used while pictures move.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createInterface } from 'node:readline';
import { draw } from '../helpers/pictures.ts';
import { startCli } from '../helpers/run-cli.ts';
import { until } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';
import { contents, inStudio, newFolder, removed, startStudioOn, type Studio } from '../helpers/studio.ts';

let scratch = '';
let root = '';
beforeEach(async () => {
  scratch = await newFolder();
  root = path.join(scratch, 'pictures');
  await mkdir(root);
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
});
afterEach(() => removed(scratch));

test('kill -9 while 1,000 pictures are moved loses none, and the next start finishes', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `${i}.jpg`);
  for (const name of names) await writeFile(path.join(root, name), name);
  const killedAt = [];
  for (const [round, moved] of [1, 500].entries()) {
    const child = startCli('finch', ['studio', root, '--no-open'], {});
    const [address] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const { origin, searchParams } = new URL(address);
    const to = path.join(root, `class ${round}`);
    const ids = (await inFolder(root)).toSorted();
    const asked = fetch(`${origin}/api/move`, {
      method: 'POST',
      headers: { authorization: `Bearer ${searchParams.get('token')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ids, class: `class ${round}` }),
    }).then(() => 'answered', () => 'cut off'); // prettier-ignore
    const many = () => readdir(to).then(({ length }) => length, () => 0); // prettier-ignore
    await until(async () => (await many()) >= moved);
    child.kill('SIGKILL');
    await once(child, 'exit');
    killedAt.push(await many(), await asked);
    await inStudio(root, async (folder) => {
      assert.equal(folder.listing.count({ class: `class ${round}` }), 1000);
      assert.deepEqual(Object.values(await contents(root)).toSorted(), names.toSorted());
      await folder.undo();
      assert.deepEqual(await inFolder(root), ids);
    });
  }
  assert.ok(killedAt.includes('cut off'), `at least one kill came in between: ${killedAt.join()}`);
});

const inFolder = async (folder: string) =>
  (await readdir(folder)).filter((name) => name.endsWith('.jpg')).toSorted();

type State = { readonly training: { readonly state: string; readonly run: string; readonly message?: string; readonly curves: readonly unknown[] } | null }; // prettier-ignore

test('training: stopped, gone on with, while pictures are moved; the run is listed, tried, and taken away', async () => {
  await writeSmallModel(path.join(scratch, 'home', 'models', 'small'));
  for (const kind of ['disc', 'stripes'] as const) {
    await mkdir(path.join(root, kind));
    for (let i = 0; i < 12; i++) await draw(path.join(root, kind, `${i}.png`), kind);
  }
  await mkdir(path.join(root, 'empty'));
  await draw(path.join(root, 'loose.png'), 'disc');
  let studio = await startStudioOn(root);
  try {
    const training = async () => ((await (await studio.ask('/api/state')).json()) as State).training!;
    const ended = async (wanted: string) => {
      await until(async () => ['done', 'stopped', 'failed'].includes((await training()).state));
      const { state, message } = await training();
      assert.equal(state, wanted, message);
    };
    const begun = await studio.ask('/api/train', { model: 'small', epochs: 100, seed: 1 });
    assert.equal(((await begun.json()) as { run: string }).run, 'small-1');
    assert.equal((await studio.ask('/api/train', {})).status, 409);
    await until(async () => (await training()).curves.length > 2);
    assert.equal((await studio.ask('/api/move', { ids: ['disc/0.png'], class: 'stripes' })).status, 200);
    assert.equal((await studio.ask('/api/train/stop', {})).status, 200);
    await ended('stopped');
    // Another studio goes on with it, as after a kill.
    await studio.close();
    studio = await startStudioOn(root);
    assert.equal((await studio.ask('/api/undo', {})).status, 200);
    assert.equal((await studio.ask('/api/train/resume', { run: 'small-1' })).status, 200);
    await ended('done');
    await checkRun(studio);
  } finally {
    await studio.close();
  }
});

async function checkRun(studio: Studio): Promise<void> {
  const [run] = (await (await studio.ask('/api/runs')).json()) as readonly { readonly name: string; readonly pictures: number; readonly classes: number; readonly state: string }[]; // prettier-ignore
  assert.deepEqual([run!.name, run!.state, run!.classes, run!.pictures], ['small-1', 'finished', 2, 24]);
  const details = (await (await studio.ask('/api/runs/small-1')).json()) as { readonly confusion: { readonly classes: readonly string[]; readonly counts: readonly (readonly number[])[] }; readonly curves: readonly unknown[] }; // prettier-ignore
  assert.deepEqual(details.confusion.classes, ['disc', 'stripes']);
  assert.equal(details.confusion.counts.flat().reduce((a, b) => a + b, 0), 4); // prettier-ignore
  const report = await studio.ask('/api/runs/small-1/report.html');
  assert.match(report.headers.get('content-disposition')!, /^attachment/);
  const tried = (await (await studio.ask('/api/try?model=small-1&id=loose.png', {})).json()) as { readonly predictions: readonly { readonly label: string }[]; readonly heat: string }; // prettier-ignore
  assert.equal(tried.predictions.length, 2);
  assert.match(tried.heat, /^data:image\/png;base64,/);
  const svg = await studio.ask(
    '/api/try?model=small-1',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  );
  assert.equal(svg.status, 422);
  const taken = (await (await studio.ask('/api/export', { run: 'small-1', format: 'onnx' })).json()) as { readonly folder: string; readonly files: readonly string[] }; // prettier-ignore
  assert.ok((await readFile(path.join(taken.folder, taken.files[0]!))).length > 1000);
  // The labels and the order come from jobs of their own.
  assert.equal((await studio.ask('/api/inspect', {})).status, 202);
  const found = async () => (await studio.ask('/api/inspect')).json() as Promise<{ readonly state: string; readonly message?: string }>; // prettier-ignore
  await until(async () => (await found()).state !== 'running');
  assert.equal((await found()).state, 'done', (await found()).message);
  const list = async () => (await (await studio.ask('/api/pictures?unlabelled=1&order=suggested')).json()) as { readonly pictures: readonly { readonly score?: number }[] }; // prettier-ignore
  await until(async () => (await list()).pictures[0]!.score !== undefined);
}
