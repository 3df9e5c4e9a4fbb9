// `search` and `inspect` as a user and as a script meet them. Every picture is drawn here.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import type { Inspection } from '../../src/report/inspection.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const KINDS = ['disc', 'stripes'] as const;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-search-'));
  for (const split of ['train', 'val']) {
    for (const kind of KINDS) {
      await mkdir(at('data', split, kind), { recursive: true });
      for (let i = 0; i < 12; i++)
        await draw(at('data', split, kind, `${i}.png`), kind, `${split} ${kind} ${i}`);
    }
  }
  const made = await runCli('extract-features', [at('data'), '--out', at('f.npy')], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  assert.equal(made.code, 0, made.stderr);
});
after(() => rm(scratch, { recursive: true, force: true }));

const finch = (...args: string[]) => runCli('finch', args, { env: { FINCH_HOME: at('home') } });

interface Result {
  readonly query: string;
  readonly results?: readonly { readonly rank: number; readonly row: number; readonly file: string; readonly class: string; readonly similarity: number }[]; // prettier-ignore
  readonly error?: { readonly code: string };
}

describe('search', () => {
  const query = () => at('data', 'val', 'disc', '3.png');
  const search = (...args: string[]) => finch('search', ...args, '--in', at('f.npy'));

  test('the picture itself comes first, then its kind; json and table agree', async () => {
    const json = await search(query(), '--topk', '5', '--format', 'json');
    assert.equal(json.code, 0, json.stderr);
    const [result] = JSON.parse(json.stdout) as Result[];
    assert.equal(result!.query, query());
    assert.equal(result!.results!.length, 5);
    const [first] = result!.results!;
    assert.deepEqual([first!.rank, first!.file, first!.class, first!.similarity], [1, query(), 'disc', 1]);
    assert.ok(
      result!.results!.every((found) => found.class === 'disc'),
      json.stdout,
    );
    const table = await search(query(), '--topk', '5');
    for (const found of result!.results!) assert.ok(table.stdout.includes(found.file));
  });

  test('several queries; a missing one is a row that says why', async () => {
    const ended = await search(query(), at('none.jpg'), '--format', 'json');
    assert.equal(ended.code, 1);
    const results = JSON.parse(ended.stdout) as Result[];
    assert.deepEqual(results.map((result) => result.error?.code), [undefined, 'INPUT_NOT_FOUND']); // prettier-ignore
  });

  test('html: one page with the pictures in it', async () => {
    const ended = await search(query(), '--out', at('page.html'));
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, '');
    const page = await readFile(at('page.html'), 'utf8');
    assert.equal(page.match(/data:image\/jpeg/g)!.length, 11);
    assert.doesNotMatch(page, /<script|https?:/);
  });

  test('features made otherwise are asked otherwise: float16, normalised, another layer of several', async () => {
    const args = [
      '--dtype',
      'float16',
      '--normalize',
      '--crop',
      '1',
      '--layer',
      'avg_pooling',
      '--layer',
      'conv_head',
    ];
    const layers = await finch('extract-features', '--list-layers');
    const map = layers.stdout.split('\n').map((line) => line.split(/\s+/)).find(([, shape]) => shape === '[7,7,1280]')![0]!; // prettier-ignore
    args[args.length - 1] = map;
    const made = await finch('extract-features', at('data'), '--out', at('g.npy'), ...args);
    assert.equal(made.code, 0, made.stderr);
    for (const layer of ['avg_pooling', map]) {
      const ended = await finch(
        'search',
        query(),
        '--in',
        at(`g.${layer}.npy`),
        '--topk',
        '1',
        '--format',
        'json',
      );
      const [result] = JSON.parse(ended.stdout) as Result[];
      assert.equal(result!.results![0]!.file, query());
      assert.ok(result!.results![0]!.similarity > 0.9999, ended.stdout);
    }
  });

  test('features that are not there, are none, are cut short or of another length', async () => {
    await writeFile(at('text.npy'), 'text');
    await copyFile(at('f.npy'), at('short.npy'));
    await truncate(at('short.npy'), 5000);
    await copyFile(at('f.npy'), at('lonely.npy'));
    for (const [args, pattern] of [
      [['--in', at('none.npy')], /cannot open/],
      [['--in', at('text.npy')], /is no \.npy file/],
      [['--in', at('short.npy')], /cut short/],
      [['--in', at('lonely.npy')], /lonely\.csv is not there/],
      [['--in', at('f.npy'), '--layer', 'fc'], /rows of \[1280\], fc of efficientnet_lite0 gives \[1000\]/],
    ] as const) {
      const ended = await finch('search', query(), ...args);
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(ended.stderr, pattern);
    }
    assert.equal((await finch('search', query())).code, 2);
  });
});

describe('inspect', () => {
  let found: Inspection;
  const leaked = () => [at('data', 'train', 'disc', '1.png'), at('data', 'val', 'disc', 'again.png')];
  const cropped = () => [
    at('data', 'train', 'stripes', '2.png'),
    at('data', 'train', 'stripes', 'cropped.jpg'),
  ];
  const inverted = () => [at('data', 'train', 'disc', '4.png'), at('data', 'train', 'disc', 'anew.png')];
  const swapped = () => at('data', 'train', 'disc', 'swapped.png');

  before(async () => {
    await copyFile(leaked()[0]!, leaked()[1]!);
    const [whole, part] = cropped();
    await sharp(whole).extract({ left: 8, top: 6, width: 144, height: 108 }).resize(200, 150).jpeg().toFile(part!); // prettier-ignore
    await sharp(inverted()[0]).png({ compressionLevel: 0 }).toFile(inverted()[1]!);
    await rename(at('data', 'train', 'stripes', '7.png'), swapped());
    await writeFile(at('data', 'val', 'stripes', 'broken.jpg'), 'no picture');
    await writeFile(at('data', 'notes.txt'), 'of the photographer');
    const ended = await finch('inspect', at('data'), '--format', 'json', '--list', at('list.csv'));
    assert.equal(ended.code, 1, ended.stderr);
    found = JSON.parse(ended.stdout) as Inspection;
  });

  const groups = (list: readonly { readonly pictures: readonly { readonly file: string }[] }[]) =>
    list.map(({ pictures }) => pictures.map(({ file }) => file).sort());

  test('counts, sizes and what cannot be read', () => {
    assert.equal(found.pictures, 51);
    assert.deepEqual(found.splits, { train: 26, val: 25 });
    assert.deepEqual(found.classes.map(({ name, total, splits }) => [name, total, splits['train'], splits['val']]), [['disc', 27, 14, 13], ['stripes', 24, 12, 12]]); // prettier-ignore
    assert.ok(Math.abs(found.imbalance! - 27 / 24) < 1e-9);
    assert.deepEqual(found.sizes!.width, { min: 160, median: 160, max: 200 });
    assert.deepEqual(found.unreadable.map(({ file }) => path.basename(file)), ['broken.jpg']); // prettier-ignore
    assert.deepEqual(found.otherFiles, { '.txt': 1 });
  });

  test('exact, equal pixels, nearly the same, in two splits, under a wrong label', () => {
    assert.deepEqual(groups(found.exactDuplicates), [leaked(), inverted()]);
    assert.deepEqual(found.exactDuplicates.map(({ kind }) => kind), ['content', 'pixels']); // prettier-ignore
    assert.ok(groups(found.nearDuplicates).some((pair) => pair.join() === cropped().join()));
    assert.ok(groups(found.leaks).some((pair) => pair.join() === leaked().join()));
    assert.equal(found.suspectLabels[0]!.file, swapped());
    assert.deepEqual([found.suspectLabels[0]!.class, found.suspectLabels[0]!.suggested], ['disc', 'stripes']);
  });

  test('the list has a line for each picture of each problem', async () => {
    const rows = parse<Record<string, string>>(await readFile(at('list.csv')), { columns: true });
    assert.deepEqual(Object.keys(rows[0]!), ['path', 'problem', 'detail']);
    for (const [file, problem] of [
      [swapped(), 'label'],
      [leaked()[1]!, 'leak'],
      [cropped()[1]!, 'near duplicate'],
    ] as const) {
      // prettier-ignore
      assert.ok(rows.some((row) => row['path'] === file && row['problem'] === problem), `${file} ${problem}`);
    }
  });

  test('text and html say it too', async () => {
    const text = await finch('inspect', at('data'));
    assert.match(text.stdout, /51 pictures, 2 classes/);
    assert.match(text.stdout, /labels that look wrong: /);
    const html = await finch('inspect', at('data'), '--out', at('inspect.html'));
    assert.equal(html.code, 1, html.stderr);
    const page = await readFile(at('inspect.html'), 'utf8');
    assert.ok(page.includes('data:image/jpeg') && page.includes('swapped.png'));
    assert.doesNotMatch(page, /<script|https?:/);
  });

  test('class folders alone, a folder without pictures, and no folder', async () => {
    const { code, stdout } = await finch('inspect', at('data', 'train'), '--format', 'json');
    assert.equal(code, 0);
    const classes = (JSON.parse(stdout) as Inspection).classes.map(({ name }) => name);
    assert.deepEqual(classes, ['disc', 'stripes']);
    await mkdir(at('empty'));
    for (const [folder, pattern] of [
      [at('empty'), /no pictures/],
      [at('nowhere'), /is not there/],
      [at('f.npy'), /is no folder/],
    ] as const) {
      // prettier-ignore
      const ended = await finch('inspect', folder);
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(ended.stderr, pattern);
    }
  });
});
