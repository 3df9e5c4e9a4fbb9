// ensemble.test.ts: several models answer as one: the weighted mean of what each says alone, whatever its order of classes and its
// way of preparing pictures; what cannot be averaged is refused in one line.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { evaluate, openModel, type ClassifiedRow } from 'finch';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { membersOf } from '../../src/store/members.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const joined = (...models: string[]) => models.map((name) => at(name)).join(',');

interface Made {
  readonly names?: readonly string[];
  readonly size?: number;
  readonly ending?: 'softmax' | 'sigmoid';
}

const COLOURS = ['red', 'green', 'blue'];

/** A network that tells colours by the mean of each channel, in its own order and at its own size. */
async function writeModel(name: string, { names = COLOURS, size = 8, ending }: Made): Promise<void> {
  const b = graphBuilder(name, size);
  const logits = b.dense(b.globalAveragePooling2d(b.input, 'pool'), 'fc', names.length);
  const graph = b.build(ending === undefined ? logits : b.activation(logits, ending, ending));
  const strength = names.map((label) => [...COLOURS, 'grey'].indexOf(label));
  const kernel = [0, 1, 2].flatMap((channel) => strength.map((own) => (own === channel ? size / 4 : -0.5)));
  const weights = new Map([
    ['fc/kernel', { shape: [3, names.length], data: Float32Array.from(kernel) }],
    ['fc/bias', { shape: [names.length], data: Float32Array.from(names, (_, k) => 0.1 * k) }],
  ]);
  const preprocessing = { size, resize: size + 2, mode: 'crop', interpolation: 'bilinear', mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const; // prettier-ignore
  const labels = { set: 'own', names } as const;
  await writeModelFolder(at(name), { name, graph, weights, preprocessing, labels, classifier: 'fc' }, { dtype: 'float32' }); // prettier-ignore
}

let pictures: readonly string[] = [];

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-ensemble-'));
  process.env['FINCH_HOME'] = at('home');
  await writeModel('a', {});
  await writeModel('b', { names: ['blue', 'red', 'green'], size: 14, ending: 'softmax' });
  await writeModel('two', { names: ['red', 'green'] });
  await writeModel('other', { names: ['red', 'green', 'grey'] });
  await writeModel('labels', { ending: 'sigmoid' });
  await writeModel('more-labels', { ending: 'sigmoid', size: 16 });
  pictures = await Promise.all(['1.png', '2.png', '3.jpg'].map((file, i) => draw(at(file), i === 1 ? 'stripes' : 'disc'))); // prettier-ignore
});

after(() => rm(scratch, { recursive: true, force: true }));

/** The probability of each colour, for each picture. */
async function said(model: string, inputs: readonly string[] = pictures): Promise<readonly number[][]> {
  await using opened = await openModel(model);
  const rows: number[][] = [];
  for await (const row of opened.classify(inputs, { topk: 3 })) {
    const { predictions } = row as ClassifiedRow;
    rows.push(COLOURS.map((label) => predictions.find((prediction) => prediction.label === label)!.probability)); // prettier-ignore
  }
  return rows;
}

const mean = (one: readonly number[][], other: readonly number[][], share: number) =>
  one.map((row, i) => row.map((p, k) => share * p + (1 - share) * other[i]![k]!));

describe('the mean of what each model says alone', () => {
  test('alike, and with weights; classes in another order and pictures of another size are matched', async () => {
    const [a, b] = [await said(at('a')), await said(at('b'))];
    assert.notDeepEqual(a, b);
    // Each printed probability is rounded to six decimals.
    assertAllClose((await said(joined('a', 'b'))).flat(), mean(a, b, 0.5).flat(), { atol: 1.1e-6 });
    const weighted = await said(`${at('a')}:3, ${at('b')}:1`);
    assertAllClose(weighted.flat(), mean(a, b, 0.75).flat(), { atol: 1.1e-6 });
  });

  test('sigmoids are averaged label by label', async () => {
    const [a, b] = [await said(at('labels')), await said(at('more-labels'))];
    assertAllClose((await said(joined('labels', 'more-labels'))).flat(), mean(a, b, 0.5).flat(), { atol: 1.1e-6 }); // prettier-ignore
  });

  test('the same pictures twice are the same rows, and the order of members is only the order of classes', async () => {
    assertAllClose((await said(joined('b', 'a'))).flat(), (await said(joined('a', 'b'))).flat(), { atol: 1e-6 }); // prettier-ignore
  });

  test('the library says which members there are, and that features are those of one model', async () => {
    await using model = await openModel(`${at('a')}:0.6,${at('b')}:0.4`);
    assert.equal(model.info.name, 'a:0.6,b:0.4');
    assert.deepEqual(model.info.members?.map(({ name, weight, inputSize }) => [name, weight, inputSize]), [
      ['a', 0.6, 8],
      ['b', 0.4, 14],
    ]); // prettier-ignore
    await assert.rejects(model.features(pictures).next(), { code: 'USAGE', message: /those of one model/ });
  });

  test('classify: every format, the figure and stderr name all members', async () => {
    const args = [...pictures, '--model', joined('a', 'b'), '--figure', at('figure.html')];
    const { code, stdout, stderr } = await runCli('classify', [...args, '--format', 'ndjson']);
    assert.equal(code, 0, stderr);
    for (const line of stdout.trim().split('\n'))
      assert.equal((JSON.parse(line) as { model: string }).model, 'a,b');
    assert.match(stderr, /^a,b on onnxruntime/m);
    assert.match(await readFile(at('figure.html'), 'utf8'), /a,b/);
  });
});

describe('evaluate', () => {
  test('judges the mean, in json, on the page and with several labels a picture', async () => {
    for (const [i, label] of ['red', 'green', 'blue'].entries()) {
      await mkdir(at('set', label), { recursive: true });
      await writeFile(at('set', label, `${i}.png`), await readFile(pictures[i]!));
    }
    const files = COLOURS.map((label, i) => at('set', label, `${i}.png`));
    const rows = mean(await said(at('a'), files), await said(at('b'), files), 0.5);
    const model = joined('a', 'b');
    const report = await evaluate(at('set'), { model });
    assert.equal(report.model, 'a,b');
    assert.ok('top1' in report);
    const loss = rows.reduce((sum, row, i) => sum - Math.log(row[i]!) / rows.length, 0);
    assertAllClose([report.loss], [loss], { atol: 1e-4 });
    const { code } = await runCli('finch', ['evaluate', at('set'), '--model', model, '--report', at('page.html'), '--format', 'csv']); // prettier-ignore
    assert.equal(code, 0);
    assert.match(await readFile(at('page.html'), 'utf8'), /a,b/);
    await writeFile(at('set', 'labels.csv'), 'file,label\nred/0.png,red|green\ngreen/1.png,green\nblue/2.png,blue|red\n'); // prettier-ignore
    const several = await evaluate(at('set', 'labels.csv'), { model: joined('labels', 'more-labels') });
    assert.ok('mAP' in several);
    // Logits of a network that ends in none are taken for sigmoids here, so the two mean the same.
    await evaluate(at('set', 'labels.csv'), { model: joined('labels', 'a') });
  });
});

describe('refused in one line that says what differs', () => {
  for (const [models, code, message] of [
    [['a', 'two'], 'MODEL_MISMATCH', 'two has 2 classes, a 3; only models of the same classes can be averaged'],
    [['a', 'other'], 'MODEL_MISMATCH', 'other has no class "blue", a has; only models of the same classes can be averaged'],
    [['a', 'labels'], 'MODEL_MISMATCH', 'labels tells several labels a picture (sigmoid), a one class a picture (softmax); only models of the same classes can be averaged'],
  ] as const) {
    test(models.join(), async () => {
      await assert.rejects(openModel(joined(...models)), { code, message });
    });
  } // prettier-ignore

  test('what takes one model refuses several', async () => {
    const model = joined('a', 'b');
    for (const [program, args] of [
      ['extract-features', [...pictures, '--model', model, '--out', at('x.npy')]],
      ['finetune', [at('set'), '--model', model]],
      ['finch', ['models', 'export', model, '--format', 'onnx', '--out', at('x.onnx')]],
    ] as const) {
      const { code, stderr } = await runCli(program, args);
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /several models are averaged by classify and evaluate only, here one is expected\n$/,
      );
      assert.equal(stderr.trim().split('\n').length, 1);
    }
  });
});

describe('the text of --model', () => {
  const named = async (text: string) => (await membersOf(text)).map(({ name, weight }) => [name, weight]);

  test('names, weights that add up to 1, and colons that belong to a name', async () => {
    assert.deepEqual(await named('x'), [['x', 1]]);
    assert.deepEqual(await named('x:0.6,y:0.4'), [['x', 0.6], ['y', 0.4]]); // prettier-ignore
    assert.deepEqual(await named('x:3, y:1'), [['x', 0.75], ['y', 0.25]]); // prettier-ignore
    assert.deepEqual(await named('hf:owner/name,zoo:x'), [['hf:owner/name', 0.5], ['zoo:x', 0.5]]); // prettier-ignore
    assert.deepEqual(await named('hf:owner/name:1,C:\\models\\x:1'), [['hf:owner/name', 0.5], ['C:\\models\\x', 0.5]]); // prettier-ignore
  });

  test('a folder that is there wins', async () => {
    for (const name of ['with,comma', 'with:2']) {
      await writeModel(name, {});
      assert.deepEqual(await named(at(name)), [[at(name), 1]]);
    }
    assert.deepEqual(await named(`${at('with:2')},${at('a')}`), [[at('with:2'), 0.5], [at('a'), 0.5]]); // prettier-ignore
  });

  for (const text of ['x,', ',x', 'x:0,y:1', 'x:-1,y:2', 'x:1e9,y:1', 'x:0.5,y']) {
    test(`${text} is refused`, () => assert.rejects(membersOf(text), { code: 'USAGE' }));
  }
});
