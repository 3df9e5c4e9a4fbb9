// extract-damaged.test.ts: --resume of an extraction whose files are missing, cut short or changed: one true line, nothing changed.

import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const extract = (...args: readonly string[]) =>
  runCli('extract-features', ['data', 'missing.jpg', '--model', 'M', '--out', 'f.npy', ...args], {
    env: { FINCH_HOME: at('home') },
    spawn: { cwd: scratch },
  });

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-damaged-'));
  await writeDataset(at('data'), ['a', 'b'], 3);
  await writeSmallModel(at('M'));
  const { code, stderr } = await extract();
  assert.equal(code, 1, stderr);
  for (const name of FILES) await copyFile(at(name), at(`kept-${name}`));
});
after(() => rm(scratch, { recursive: true, force: true }));

const FILES = ['f.npy', 'f.csv', 'f.errors.csv', 'f.json'] as const;

/** The same as a process leaves it that is killed when all rows are written. */
async function unfinished(): Promise<void> {
  const record = JSON.parse(await readFile(at('f.json'), 'utf8')) as object;
  await writeFile(at('f.json'), JSON.stringify({ ...record, complete: false }));
}

const replaceIn = async (name: string, change: (text: string) => string) =>
  writeFile(at(name), change(await readFile(at(name), 'utf8')));

/** The damage, whether the extraction was complete, and what is said of it. */
const TABLE: Readonly<Record<string, [damage: () => Promise<unknown>, isComplete: boolean, message: RegExp]>> = {
  'no csv': [() => rm(at('f.csv')), false, /f\.csv is not there, and its record says it was; start anew with --force$/],
  'no csv of a complete one': [() => rm(at('f.csv')), true, /f\.csv is not there, its record says it is complete/],
  'no rows': [() => rm(at('f.npy')), false, /f\.npy is not there, its record says it has \d+ bytes; start anew/],
  'no rows of a complete one': [() => rm(at('f.npy')), true, /f\.npy is not there, its record says it is complete/],
  'no list of failures': [() => rm(at('f.errors.csv')), false, /f\.errors\.csv is not there, and its record/],
  'a csv cut short': [() => truncate(at('f.csv'), 100), false, /f\.csv has 100 bytes, its record says \d+/],
  'rows cut short': [() => truncate(at('f.npy'), 200), false, /f\.npy has 200 bytes, its record says \d+/],
  'a quote without its end': [() => replaceIn('f.csv', (text) => text.replace('data', '"ata')), false, /f\.csv is not as it was written/],
  'no csv at all': [() => replaceIn('f.csv', (text) => text.replace(/[^]/g, '\0')), false, /f\.csv has 0 rows, its record says 6/],
  'fewer rows in as many bytes': [() => replaceIn('f.csv', (text) => text.replace(/^1,.*\n/m, (row) => ' '.repeat(row.length))), false, /f\.csv is not as it was written|picture 2 is/],
  'another file instead of the csv': [async () => { await rm(at('f.csv')); await copyFile(at('f.json'), at('f.csv')); }, false, /f\.csv/],
  'a record of another kind': [() => replaceIn('f.json', () => '{"finchFeatures":1}'), false, /f\.json is no record of features/],
}; // prettier-ignore

for (const [what, [damage, isComplete, message]] of Object.entries(TABLE)) {
  test(what, async () => {
    for (const name of FILES) await copyFile(at(`kept-${name}`), at(name));
    if (!isComplete) await unfinished();
    await damage();
    const names = (await readdir(scratch)).sort();
    const { code, stderr } = await extract('--resume');
    assert.ok(code === 2 || code === 3, `${code}: ${stderr}`);
    const lines = stderr.trimEnd().split('\n').filter((line) => !line.startsWith('going on')); // prettier-ignore
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0]!, message);
    assert.deepEqual((await readdir(scratch)).sort(), names);
    const anew = await extract('--force');
    assert.equal(anew.code, 1, anew.stderr);
    for (const name of FILES)
      assert.ok((await readFile(at(name))).equals(await readFile(at(`kept-${name}`))), name);
  });
}
