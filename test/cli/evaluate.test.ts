// `evaluate` as a user and as a script meet it. The network tells red, green and blue apart by the mean of each channel, so
// that every figure is known.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);

const COLOURS: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [250, 20, 20],
  green: [20, 250, 20],
  blue: [20, 20, 250],
  // More red than blue: whoever calls it blue is wrong.
  purple: [200, 0, 150],
};

async function picture(file: string, colour: keyof typeof COLOURS): Promise<void> {
  const [r, g, b] = COLOURS[colour]!;
  await mkdir(path.dirname(at(file)), { recursive: true });
  await sharp({ create: { width: 20, height: 16, channels: 3, background: { r, g, b } } })
    .png()
    .toFile(at(file));
}

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-evaluate-'));
  const builder = graphBuilder('colours', 8);
  const graph = builder.build(builder.dense(builder.globalAveragePooling2d(builder.input, 'pool'), 'fc', 3));
  const weights = new Map([
    ['fc/kernel', { shape: [3, 3], data: Float32Array.from([4, 0, 0, 0, 4, 0, 0, 0, 4]) }],
    ['fc/bias', { shape: [3], data: new Float32Array(3) }],
  ]);
  const model = {
    name: 'colours',
    graph,
    weights,
    preprocessing: {
      size: 8,
      resize: 8,
      mode: 'squash',
      interpolation: 'bilinear',
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    labels: { set: 'own', names: ['red', 'green', 'blue'] },
    classifier: 'fc',
  } as const;
  await writeModelFolder(at('model'), model, { dtype: 'float32' });
  for (const name of ['red', 'green', 'blue']) {
    for (let i = 0; i < 3; i++) await picture(`set/${name}/${i}.png`, name);
  }
  await picture('set/blue/mistake.png', 'purple');
});
after(() => rm(scratch, { recursive: true, force: true }));

const evaluate = (...args: string[]) => runCli('finch', ['evaluate', ...args, '--model', at('model')]);

interface Json {
  readonly top1: number;
  readonly samples: number;
  readonly loss: number;
  readonly macroF1: number;
  readonly perClass: readonly {
    readonly class: string;
    readonly samples: number;
    readonly recall: number;
    readonly f1: number;
  }[];
  readonly confusion: readonly (readonly number[])[];
  readonly failed: readonly { readonly file: string; readonly error: { readonly code: string } }[];
}

describe('figures', () => {
  test('json: the keys of the contract, and what they must be', async () => {
    const { code, stdout } = await evaluate(at('set'), '--format', 'json');
    assert.equal(code, 0);
    const result = JSON.parse(stdout) as Json;
    for (const key of [
      'top1',
      'top5',
      'loss',
      'samples',
      'macroF1',
      'ece',
      'perClass',
      'confusion',
      'failed',
    ]) {
      assert.ok(key in result, key);
    }
    assert.deepEqual([result.samples, result.top1, result.failed], [10, 0.9, []]);
    // The model's order, not the folders'.
    assert.deepEqual(result.perClass.map((row) => row.class), ['red', 'green', 'blue']); // prettier-ignore
    assert.deepEqual(result.confusion, [[3, 0, 0], [0, 3, 0], [1, 0, 3]]); // prettier-ignore
    assert.deepEqual(result.perClass.map(({ recall }) => recall), [1, 1, 0.75]); // prettier-ignore
    const pure = Math.log(1 + 2 * Math.exp((-4 * 230) / 255));
    const mixed = Math.log(1 + Math.exp((4 * 50) / 255) + Math.exp((-4 * 150) / 255));
    assert.ok(Math.abs(result.loss - (9 * pure + mixed) / 10) < 1e-5, `${result.loss}`);
  });

  test('table and csv', async () => {
    const table = await evaluate(at('set'));
    assert.match(table.stdout, /colours on set \(all\): 10 pictures/);
    assert.match(table.stdout, /top-1\s+90\.00 %\s+95 %: 59\.6 … 98\.2 %/);
    assert.match(table.stdout, /1\s+blue\s+taken for red/);
    const csv = await evaluate(at('set'), '--format', 'csv');
    assert.deepEqual(csv.stdout.trim().split('\n').slice(0, 2), [
      'class,samples,precision,recall,f1',
      'red,3,0.75,1,0.857143',
    ]);
  });

  test('an unreadable picture is listed and left out', async () => {
    await writeFile(at('set', 'red', 'broken.jpg'), 'nothing');
    const { code, stdout, stderr } = await evaluate(at('set'), '--format', 'json');
    await rm(at('set', 'red', 'broken.jpg'));
    assert.equal(code, 1);
    const { samples, failed } = JSON.parse(stdout) as Json;
    assert.deepEqual(
      [samples, failed.map(({ file, error }) => [file, error.code])],
      [10, [['red/broken.jpg', 'IMAGE_UNREADABLE']]],
    );
    assert.match(stderr, /red\/broken.jpg: not an image/);
  });

  test('predictions: a row for each picture, with what was said of it', async () => {
    await writeFile(at('set', 'red', 'broken.jpg'), 'nothing');
    const { code, stderr } = await evaluate(at('set'), '--predictions', at('said.csv'));
    await rm(at('set', 'red', 'broken.jpg'));
    assert.equal(code, 1);
    assert.match(stderr, /predictions: .*said\.csv/);
    const rows = (await readFile(at('said.csv'), 'utf8')).trim().split('\n');
    assert.equal(rows[0], 'file,truth,said,probability');
    assert.equal(rows.length, 11);
    const mixed = 1 / (1 + Math.exp((4 * -50) / 255) + Math.exp((4 * -200) / 255));
    const [, probability] = /^blue\/mistake\.png,blue,red,([\d.]+)$/m.exec(rows.join('\n'))!;
    assert.ok(Math.abs(Number(probability) - mixed) < 1e-5, probability);
  });

  test('the report is one page with the mistake in it', async () => {
    const { code, stderr } = await evaluate(at('set'), '--report', at('report.html'));
    assert.equal(code, 0);
    assert.match(stderr, /report: .*report\.html/);
    const page = await readFile(at('report.html'), 'utf8');
    for (const part of [
      'Confusion matrix',
      'Calibration',
      'Worst mistakes',
      '\u2068blue/<wbr>mistake.png\u2069',
      'said: \u2068red\u2069',
      'data:image/jpeg',
    ]) {
      assert.ok(page.includes(part), part);
    }
    assert.ok(!/<script|https?:\/\/(?!www\.w3\.org)/.test(page), 'no scripts, no requests');
  });
});

describe('datasets', () => {
  test('test/ is taken when there is one, another part when asked', async () => {
    for (const name of ['red', 'green']) {
      await picture(`divided/train/${name}/1.png`, name);
      await picture(`divided/test/${name}/1.png`, name);
      await picture(`divided/test/${name}/2.png`, name);
    }
    const samples = async (...args: string[]) =>
      (JSON.parse((await evaluate(at('divided'), '--format', 'json', ...args)).stdout) as Json).samples;
    assert.deepEqual(
      [await samples(), await samples('--split', 'train'), await samples('--split', 'all')],
      [4, 2, 6],
    );
    const missing = await evaluate(at('set'), '--split', 'val');
    assert.deepEqual([missing.code, /has no val pictures/.test(missing.stderr)], [2, true]);
  });

  test('a csv, several labels', async () => {
    await writeFile(
      at('set.csv'),
      'file,label\nset/red/0.png,red\nset/blue/mistake.png,blue|red\nset/green/0.png,green\n',
    );
    const { code, stdout } = await evaluate(at('set.csv'), '--manifest', 'file,label', '--format', 'json');
    assert.equal(code, 0);
    const result = JSON.parse(stdout) as Json & { readonly mAP: number; readonly microF1: number };
    assert.deepEqual([result.samples, result.mAP], [3, 1]);
    const flags = ['--report', at('multi.html'), '--predictions', at('multi.csv')];
    const table = await evaluate(at('set.csv'), ...flags);
    const said = await readFile(at('multi.csv'), 'utf8');
    assert.match(said, /^set\/red\/0\.png,red,blue\|green\|red,0\.577794\|0\.577794\|0\.980575$/m);
    assert.match(said, /^set\/blue\/mistake\.png,blue\|red,/m);
    assert.match(table.stdout, /mAP\s+100\.00 %/);
    assert.match(await readFile(at('multi.html'), 'utf8'), /threshold/);
  });

  test('a class that the model does not know: the nearest names', async () => {
    await picture('odd/reed/1.png', 'red');
    await picture('odd/green/1.png', 'green');
    const { code, stderr, stdout } = await evaluate(at('odd'));
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /does not know the class "reed" \(nearest: red, green, blue\)/);
  });

  test('wrong flags', async () => {
    for (const [flag, value, message] of [
      ['--format', 'xml', /--format must be one of table, json, csv, received xml/],
      ['--split', 'half', /--split must be one of/],
      ['--report', 'page.pdf', /--report must end in .html/],
      ['--predictions', 'said.txt', /--predictions must end in .csv/],
    ] as const) {
      const { code, stderr } = await evaluate(at('set'), flag, value);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
    assert.equal((await evaluate(at('nowhere'))).code, 3);
  });
});

const sample = sharedData('imagenet-sample');
const reference = sharedData('reference', 'imagenet-sample.json');
test(
  "ImageNet photos by WordNet id: PyTorch's accuracy",
  { skip: sample.skip || reference.skip },
  async () => {
    const golden = JSON.parse(await readFile(reference.file, 'utf8')) as {
      efficientnet_lite0: Record<string, [number, number][]>;
    };
    const rows = (await readFile(path.join(sample.file, 'labels.csv'), 'utf8')).trim().split('\n').slice(1);
    const hits = rows.filter((row) => {
      const [file, index] = row.split(',');
      return golden.efficientnet_lite0[file!]![0]![0] === Number(index);
    }).length;
    const { stdout } = await runCli('finch', [
      'evaluate',
      sample.file,
      '--manifest',
      'file,wnid',
      '--format',
      'json',
    ]);
    assert.equal((JSON.parse(stdout) as Json).top1, hits / rows.length);
  },
);
