// What `models export --page` writes, where it refuses to, and what `--force` replaces. What the page does is tried in a browser:
// browser.slow.test.ts.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { exportModel, type ExportFlags } from '../../src/api/models/export.ts';
import { workOf } from '../../src/api/work.ts';
import { readModelFolder, verifyModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { writeSmallModel, writeWideModel } from '../helpers/small-model.ts';

const READY = path.join(PACKAGE_ROOT, 'dist', 'page');
const NAMES = ['</script><script>alert(1)</script>', 'two\nlines', '\u202egnorw', 'd', 'e', 'f', 'g'];

let scratch: string;
let model: string;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-page-'));
  model = path.join(scratch, 'model');
  await writeSmallModel(model);
  const read = await readModelFolder(model);
  await writeModelFolder(model, { ...read, labels: { set: 'own', names: NAMES } }, { dtype: 'float32' });
});
after(() => rm(scratch, { recursive: true, force: true }));

const exported = (out: string, flags: Partial<ExportFlags> = {}, from = model) =>
  exportModel(from, { format: 'tfjs', dtype: 'float32', page: true, out, ...flags }, workOf({}));

/** A folder in which a page lies. */
async function pageIn(name: string): Promise<string> {
  const out = path.join(scratch, name);
  await exported(out);
  return out;
}

test('a page is the files of finch, the class names and the model', async () => {
  const out = await pageIn('new');
  const ready = await readdir(READY);
  const expected = [...ready, 'labels.json', 'model.json', 'group1-shard1of1.bin'].sort();
  assert.deepEqual((await readdir(out)).sort(), expected);
  for (const name of ready) {
    assert.deepEqual(await readFile(path.join(out, name)), await readFile(path.join(READY, name)), name);
  }
  const labels = JSON.parse(await readFile(path.join(out, 'labels.json'), 'utf8')) as { label: string }[];
  assert.deepEqual(labels.map(({ label }) => label), NAMES); // prettier-ignore
  assert.deepEqual(await verifyModelFolder(out), []);
});

test('the page asks for nothing but the files beside it', async () => {
  const index = await readFile(path.join(READY, 'index.html'), 'utf8');
  assert.match(index, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; .*connect-src 'self';/);
  assert.doesNotMatch(index, /https?:\/\//);
  assert.doesNotMatch(index, /<script(?! type="module" src="page.js">)/);
});

test('the licence texts name the versions that are in the page', async () => {
  const text = await readFile(path.join(READY, 'LICENSES.txt'), 'utf8');
  const { devDependencies } = JSON.parse(await readFile(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  for (const name of ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm']) {
    assert.ok(text.includes(`${name} ${devDependencies[name]}`), name);
  }
});

test('--force replaces a page of finch’s, and what a kill has left of one', async () => {
  const out = await pageIn('again');
  await assert.rejects(exported(out), { code: 'USAGE', message: /is there already/ });
  await copyFile(path.join(out, 'page.js'), path.join(out, '.page.js.0123456789ab.tmp'));
  await rm(path.join(out, 'model.json'));
  await exported(out, { force: true });
  assert.deepEqual(await verifyModelFolder(out), []);
});

test('--force replaces a model that can tell what is unknown, and the file of it', async () => {
  const [known, out] = [path.join(scratch, 'known'), path.join(scratch, 'known page')];
  const usual = { middle: 0, spread: 1 };
  const write = async (value: number) => {
    const rows = new Float32Array(24).fill(value);
    const novelty = {
      rows,
      numbers: 24,
      doubt: usual,
      distance: usual,
      weight: 1,
      known: Float64Array.of(1),
    };
    await writeModelFolder(known, { ...(await readModelFolder(model)), novelty }, { dtype: 'float32' });
    return (await readdir(known)).filter((name) => name.startsWith('neighbours-'));
  };
  const first = await write(0.2);
  await exported(out, {}, known);
  const second = await write(0.1);
  assert.notDeepEqual(first, second);
  await exported(out, { force: true }, known);
  assert.deepEqual((await readdir(out)).filter((name) => name.startsWith('neighbours-')), second); // prettier-ignore
  assert.deepEqual(await verifyModelFolder(out), []);
});

test('--force makes a page of a model folder', async () => {
  const out = path.join(scratch, 'grown');
  await exported(out, { page: false });
  await exported(out, { force: true });
  assert.ok((await readdir(out)).includes('index.html'));
});

for (const [what, name] of [
  ['a file among a page of finch’s', 'thesis.txt'],
  ['another index.html', 'index.html'],
] as const) {
  test(`--force leaves ${what} alone`, async () => {
    const out = path.join(scratch, `with ${name}`);
    if (name === 'index.html') await mkdir(out);
    else await exported(out);
    await writeFile(path.join(out, name), '<title>mine</title>');
    const message = new RegExp(`holds ${name}, which finch did not write`);
    await assert.rejects(exported(out, { force: true }), { code: 'USAGE', message });
    assert.equal(await readFile(path.join(out, name), 'utf8'), '<title>mine</title>');
  });
}

test('a page needs classes, and to know how pixels are prepared', async () => {
  const [features, wide] = [path.join(scratch, 'features'), path.join(scratch, 'wide')];
  const { labels: _, ...read } = await readModelFolder(model);
  await writeModelFolder(features, { ...read, gives: 'features' }, { dtype: 'float32' });
  await writeWideModel(wide, [24, 30]);
  const out = path.join(scratch, 'none');
  await assert.rejects(exported(out, {}, features), {
    code: 'MODEL_UNSUPPORTED',
    message: /knows no classes/,
  });
  await assert.rejects(exported(out, {}, wide), { code: 'MODEL_UNSUPPORTED', message: /--mean and --std/ });
  await assert.rejects(exported(out, { format: 'onnx' }), { code: 'USAGE', message: /--page belongs to/ });
  assert.ok(!(await readdir(scratch)).includes('none'));
});
