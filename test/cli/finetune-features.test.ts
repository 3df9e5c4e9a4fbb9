// finetune-features.test.ts: a head on other features than the network's own: several layers, other pooling, pictures of another size. The
// folder holds whatever was chosen, so that everything that opens it gives the same answers.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn, runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-features-'));
  await writeDataset(path.join(home, 'data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(path.join(home, 'data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(path.join(home, 'base'));
});
after(() => rm(home, { recursive: true, force: true }));

const { run, done } = cliIn(() => home);

async function probabilities(model: string, input = 'data/val'): Promise<readonly number[]> {
  const { stdout } = await done('classify', input, '--model', model, '--topk', '3', '--format', 'json');
  const rows = JSON.parse(stdout) as readonly { readonly predictions: readonly { readonly index: number; readonly probability: number }[] }[]; // prettier-ignore
  return rows.flatMap(({ predictions }) => predictions.toSorted((a, b) => a.index - b.index).map((p) => p.probability)); // prettier-ignore
}

const CASES = {
  'mean and maximum': { flags: ['--feature-pool', 'avg+max'], numbers: 48 },
  'two layers, larger pictures': {
    flags: ['--feature-layers', 'relu1,relu2', '--feature-pool', 'max', '--feature-size', '32'],
    numbers: 36,
  },
  'the mirror image too': { flags: ['--feature-mirror'], numbers: 24 },
  'the mirror image, kept maps': {
    flags: [
      '--feature-mirror',
      '--feature-pool',
      'avg+max',
      '--feature-size',
      '32',
      '--train-size',
      '24',
      '--cached-views',
      '2',
      '--train-from',
      'conv2',
    ],
    numbers: 48,
  },
} as const;

describe('a head on other features', () => {
  test('a picture and its mirror image: the same answer for both, also exported', async () => {
    await done('finetune', 'data', '--model', 'base', '--feature-mirror', '--epochs', '0', '--feature-layers', 'relu1,relu2', '--feature-pool', 'avg+max', '--feature-size', '32', '--out', 'mirror'); // prettier-ignore
    const best = path.join('mirror', 'best');
    const expected = await probabilities(best);
    await done('finch', 'models', 'export', best, '--format', 'onnx', '--out', 'mirror.onnx');
    const exported = await probabilities('mirror.onnx');
    exported.forEach((p, i) => assert.ok(Math.abs(p - expected[i]!) < 1e-4, `${p} for ${expected[i]}`));
    const picture = sharp(path.join(home, 'data', 'val', 'a', (await readdir(path.join(home, 'data', 'val', 'a')))[0]!)); // prettier-ignore
    await mkdir(path.join(home, 'two'));
    await picture
      .clone()
      .png()
      .toFile(path.join(home, 'two', '1.png'));
    await picture
      .clone()
      .flop()
      .png()
      .toFile(path.join(home, 'two', '2.png'));
    const both = await probabilities(best, 'two');
    for (const k of [0, 1, 2]) assert.ok(Math.abs(both[k]! - both[k + 3]!) < 1e-5, both.join(' '));
  });
  test('kept features of one layer are not taken for those of another', async () => {
    const losses: string[] = [];
    for (const [layer, FINCH_HOME] of [
      ['bn1', 'warm'],
      ['relu1', 'warm'],
      ['relu1', 'cold'],
    ] as const) {
      const out = path.join(home, `${layer}-${FINCH_HOME}`);
      const words = ['data', '--model', 'base', '--layer', layer, '--epochs', '0', '--out', out];
      const { code, stderr } = await runCli('finetune', words, { env: { FINCH_HOME: path.join(home, FINCH_HOME) }, spawn: { cwd: home } }); // prettier-ignore
      assert.equal(code, 0, stderr);
      losses.push(await readFile(path.join(out, 'metrics.csv'), 'utf8'));
    }
    assert.notEqual(losses[1], losses[0]);
    assert.equal(losses[1], losses[2]);
  });
  test('a network that sees mirror images goes on so: what is there twice in it stays the same', async () => {
    await done('finetune', 'data', '--model', 'mirror/best', '--feature-size', '24', '--epochs', '2', '--out', 'mirror-again'); // prettier-ignore
    const { graph, weights } = await readModelFolder(path.join(home, 'mirror-again', 'last'));
    const twice = [...weights].filter(([name]) => name.startsWith('mirrored.'));
    assert.ok(twice.length > 0, graph.layers.map(({ name }) => name).join(' '));
    for (const [name, { data }] of twice) {
      assert.deepEqual(data, weights.get(name.slice('mirrored.'.length))!.data, name);
    }
    const before = await readModelFolder(path.join(home, 'mirror', 'best'));
    assert.notDeepEqual(weights.get('conv1/kernel')!.data, before.weights.get('conv1/kernel')!.data);
  });
  for (const [name, { flags, numbers }] of Object.entries(CASES)) {
    test(`${name}: both stages, evaluate, export`, async () => {
      const out = name.replaceAll(/\W+/g, '-');
      await done(
        'finetune',
        'data',
        '--model',
        'base',
        ...flags,
        '--epochs',
        '1',
        '--head-c',
        'auto',
        '--out',
        out,
      );
      const last = path.join(out, 'last');
      const metrics = await readFile(path.join(home, out, 'metrics.csv'), 'utf8');
      const [names, ...rows] = metrics.trim().split('\n').map((row) => row.split(',')); // prettier-ignore
      const told = Number(rows.at(-1)![names!.indexOf('val_loss')]);
      const evaluated = await done('finch', 'evaluate', 'data', '--split', 'val', '--model', last, '--format', 'json'); // prettier-ignore
      const { loss } = JSON.parse(evaluated.stdout) as { readonly loss: number };
      assert.ok(Math.abs(told - loss) < 1e-4 * (1 + loss), `metrics.csv ${told}, evaluate ${loss}`);

      const expected = await probabilities(last);
      await done('finch', 'models', 'export', last, '--format', 'onnx', '--out', `${out}.onnx`);
      const exported = await probabilities(`${out}.onnx`);
      exported.forEach((p, i) => assert.ok(Math.abs(p - expected[i]!) < 1e-4, `${p} for ${expected[i]}`));
      const { stdout } = await done('extract-features', '--list-layers', '--model', last);
      assert.match(stdout, new RegExp(`\\[${numbers}\\]`));
    });
  }

  for (const [flags, pattern] of [
    [['--feature-layers', 'relu1,relu9'], /layer relu9: small has no such layer \(did you mean relu1/],
    [['--feature-layers', 'relu1', '--layer', 'relu2'], /--layer and --feature-layers/],
    [['--feature-pool', 'mean'], /--feature-pool must be one of avg, max, avg\+max, received mean/],
    [['--feature-size', '0'], /--feature-size must be a whole number at least 1/],
    [['--feature-size', '32', '--min-side', '30', '--crop', '0.8'], /leave one of the three out/],
    [['--head-c', 'much'], /--head-c must be above 0.*did you mean auto/],
    [['--head-c', 'auto', '--head-lr', '0.1'], /--head-c belongs to/],
  ] as const) {
    test(`${flags.join(' ')} is refused in a line`, async () => {
      const { code, stderr } = await run('finetune', 'data', '--model', 'base', ...flags, '--out', 'refused');
      assert.equal(code, 2, stderr);
      assert.match(stderr, pattern);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }

  test('several labels and class weights: the head converges too', async () => {
    const rows = ['file,label'];
    for (const [own, other] of [['a', 'b'], ['b', 'c'], ['c', 'a']] as const) {
      for (let i = 0; i < 8; i++) rows.push(`train/${own}/${i}.png,${i % 3 === 0 ? `${own}|${other}` : own}`);
    } // prettier-ignore
    await writeFile(path.join(home, 'data', 'several.csv'), `${rows.join('\n')}\n`);
    const several = ['data/several.csv', '--manifest', 'file,label', '--head-c', '0.5', '--class-weights'];
    const { stderr } = await done('finetune', ...several, '--model', 'base', '--epochs', '0', '--out', 'several'); // prettier-ignore
    assert.match(stderr, /passes over the features/);
  });
});
