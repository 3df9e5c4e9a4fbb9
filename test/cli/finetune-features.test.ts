// finetune-features.test.ts: a head on other features than the network's own: several layers, other pooling, pictures of another size. The
// folder holds whatever was chosen, so that everything that opens it gives the same answers.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { readModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { openNpy } from '../../src/formats/npy.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn, runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-features-'));
  await writeDataset(path.join(home, 'data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(path.join(home, 'data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(path.join(home, 'base'));
  // The same layers with other weights and other statistics.
  const { preprocessing, ...model } = await readModelFolder(path.join(home, 'base'));
  const weights = new Map([...model.weights].map(([name, { shape, data }]) => [name, { shape, data: data.toReversed() }])); // prettier-ignore
  const own = { ...preprocessing!, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] } as const;
  const write = (folder: string, mean: readonly [number, number, number]) => writeModelFolder(path.join(home, folder), { ...model, weights, preprocessing: { ...own, mean } }, { dtype: 'float32' }); // prettier-ignore
  await write('other', own.mean);
  await write('darker', [0.1, 0.2, 0.3]);
});
after(() => rm(home, { recursive: true, force: true }));

const { run, done } = cliIn(() => home);

async function probabilities(model: string, input = 'data/val'): Promise<readonly number[]> {
  const { stdout } = await done('classify', input, '--model', model, '--topk', '3', '--format', 'json');
  const rows = JSON.parse(stdout) as readonly { readonly predictions: readonly { readonly index: number; readonly probability: number }[] }[]; // prettier-ignore
  return rows.flatMap(({ predictions }) => predictions.toSorted((a, b) => a.index - b.index).map((p) => p.probability)); // prettier-ignore
}

interface Case {
  readonly flags: readonly string[];
  readonly numbers: number;
  readonly epochs?: number;
}

const CASES = {
  'mean and maximum': { flags: ['--feature-pool', 'avg+max'], numbers: 48 },
  'two layers, larger pictures': {
    flags: ['--feature-layers', 'relu1,relu2', '--feature-pool', 'max', '--feature-size', '32'],
    numbers: 36,
  },
  'the mirror image too': { flags: ['--feature-mirror'], numbers: 24 },
  'two networks': { flags: ['--join', 'other'], numbers: 48 },
  'two networks, means and maxima': {
    flags: ['--join', 'other', '--feature-pool', 'avg+max', '--feature-size', '32'],
    numbers: 96,
  },
  'smaller pictures first': { flags: ['--train-size', '16,24'], numbers: 24, epochs: 2 },
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
  test('two networks as one: the features of both, one behind the other', async () => {
    await done('finetune', 'data', '--model', 'base', '--join', 'other', '--epochs', '0', '--out', 'joined'); // prettier-ignore
    const rowsOf = async (model: string) => {
      const out = `${model.replaceAll('/', '-')}.npy`;
      await done('extract-features', 'data/val', '--model', model, '--out', out, '--no-cache');
      const npy = await openNpy(path.join(home, out));
      const rows = Array.from(await npy.read(0, npy.count));
      await npy.close();
      return rows;
    };
    const [own, other, both] = [await rowsOf('base'), await rowsOf('other'), await rowsOf('joined/best')];
    const [numbers, pictures] = [24, 12];
    assert.equal(both.length, 2 * numbers * pictures);
    both.forEach((value, i) => {
      const [row, column] = [Math.floor(i / (2 * numbers)), i % (2 * numbers)];
      const expected = (column < numbers ? own : other)[row * numbers + (column % numbers)]!;
      assert.ok(
        Math.abs(value - expected) < 1e-5 * (1 + Math.abs(expected)),
        `${i}: ${value} for ${expected}`,
      );
    });
    // The same weights in other statistics are other features.
    await done('finetune', 'data', '--model', 'base', '--join', 'darker', '--epochs', '0', '--out', 'darkly');
    const metrics = (run: string) => readFile(path.join(home, run, 'metrics.csv'), 'utf8');
    assert.notEqual(await metrics('darkly'), await metrics('joined'));
    const { provenance } = await readModelFolder(path.join(home, 'joined', 'best'));
    assert.match(provenance!.source, /small \+ small/);
    await done('finetune', 'data', '--model', 'joined/best', '--join', 'other', '--epochs', '1', '--out', 'three'); // prettier-ignore
    const { graph } = await readModelFolder(path.join(home, 'three', 'last'));
    assert.ok(graph.layers.some(({ name }) => name === 'second_2.conv1'));
  });
  test('what cannot be joined is one line', async () => {
    for (const [model, pattern] of [
      ['nothing', /^error: .*nothing/],
      ['mirror/best', /^error: --join: mirror cannot be joined: it sees mirror images already/],
    ] as const) {
      const { code, stderr } = await run(
        'finetune',
        'data',
        '--model',
        'base',
        '--join',
        model,
        '--out',
        'no',
      );
      assert.notEqual(code, 0);
      assert.match(stderr.trim(), pattern);
    }
    for (const [flags, pattern] of [
      [['--layer', 'relu1'], /^error: --join: relu1 are of the first network alone/],
      [['--feature-layers', 'second.relu1,second.relu2'], /are of the second network alone/],
      [['--layer-decay', '0.5'], /^error: --layer-decay belongs to one network, received --join/],
      [['--precision', 'int8'], /^error: /],
    ] as const) {
      const { code, stderr } = await run('finetune', 'data', '--model', 'base', '--join', 'other', ...flags, '--out', 'no'); // prettier-ignore
      assert.equal(code, 2, stderr);
      assert.match(stderr.trim(), pattern);
    }
    await done('finetune', 'data', '--model', 'base', '--join', 'other', '--epochs', '0', '--feature-layers', 'relu1,second.relu2', '--out', 'parts'); // prettier-ignore
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
  for (const [name, { flags, numbers, epochs = 1 }] of Object.entries<Case>(CASES)) {
    test(`${name}: both stages, evaluate, export`, async () => {
      const out = name.replaceAll(/\W+/g, '-');
      await done(
        'finetune',
        'data',
        '--model',
        'base',
        ...flags,
        '--epochs',
        `${epochs}`,
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
    [['--train-size', '16,24', '--epochs', '1'], /each size needs an epoch, received --epochs 1/],
    [['--train-size', '24,16'], /--train-size 24,16: several sizes go from small to large/],
    [['--train-size', '16,'], /--train-size must be a whole number at least 1/],
    [
      ['--train-size', '16,24', '--train-from', 'conv2', '--cached-views', '2'],
      /--cached-views 2 are kept in one size/,
    ],
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
