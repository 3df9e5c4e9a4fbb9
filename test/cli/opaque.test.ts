// A foreign network on the command line: its layers are listed and named, a head learns on them, the result is a model folder like any
// other, and one ONNX file that plain onnxruntime runs.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openNpy } from '../../src/formats/npy.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { attentionOnnx } from '../helpers/attention-onnx.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { writeOpaqueModel } from '../helpers/opaque-model.ts';
import { cliIn } from '../helpers/run-cli.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-opaque-'));
  await writeDataset(at('data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(at('data', 'val'), ['a', 'b', 'c'], 4);
  await writeOpaqueModel(at('net'), attentionOnnx());
  await writeOpaqueModel(at('embeds'), attentionOnnx({ head: 'none', embedding: 'image_embeds' }));
});
after(() => rm(home, { recursive: true, force: true }));

const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);

async function refused(code: number, pattern: RegExp, program: string, ...args: readonly string[]) {
  const ended = await run(program, ...args);
  assert.equal(ended.code, code, ended.stderr);
  assert.match(ended.stderr, pattern);
}

async function rows(file: string) {
  const found = await openNpy(at(file));
  const data = await found.read(0, found.count);
  await found.close();
  return { shape: [found.count, ...found.rowShape], data };
}

describe('a foreign network', () => {
  test('lists its tensors as layers, and gives the features of each', async () => {
    const { stdout, stderr } = await done('extract-features', '--list-layers', '--model', 'net');
    const listed = new Map(stdout.trimEnd().split('\n').map((line) => line.split(/\s+/) as [string, string])); // prettier-ignore
    assert.equal(listed.get('patches'), '[2,2,12]');
    assert.equal(listed.get('tokens'), '[4,12]');
    assert.match(stderr, /the default layer is mean, the input of the classifier/);
    await done('extract-features', 'data', '--model', 'net', '--out', 'mean.npy');
    assert.deepEqual((await rows('mean.npy')).shape, [36, 12]);
    await done('extract-features', 'data', '--model', 'net', '--layer', 'tokens', '--out', 'tokens.npy');
    assert.deepEqual((await rows('tokens.npy')).shape, [36, 12]);
    const whole = ['--layer', 'tokens', '--layer', 'patches', '--pool', 'none'];
    await done('extract-features', 'data', '--model', 'net', ...whole, '--out', 'whole.npy');
    assert.deepEqual((await rows('whole.tokens.npy')).shape, [36, 4, 12]);
    assert.deepEqual((await rows('whole.patches.npy')).data, (await rows('whole.tokens.npy')).data);
    await refused(
      2,
      /no such layer \(did you mean tokens/,
      'extract-features',
      'data',
      '--model',
      'net',
      '--layer',
      'tokenz',
    );
  });

  test('learns a head; the result classifies, is judged, and is one ONNX file with labels and preprocessing', async () => {
    const { stderr } = await done('finetune', 'data', '--model', 'net', '--out', 'run');
    assert.match(stderr, /only a head on it, as with --epochs 0/);
    const best = path.join('run', 'best');
    await done('finch', 'models', 'verify', best);
    const judged = await done(
      'finch',
      'evaluate',
      'data',
      '--split',
      'val',
      '--model',
      best,
      '--format',
      'json',
    );
    const summary = JSON.parse(await readFile(at('run', 'summary.json'), 'utf8')) as {
      readonly loss: number;
    };
    const { loss } = JSON.parse(judged.stdout) as { readonly loss: number };
    assert.ok(Math.abs(loss - summary.loss) < 1e-4 * (1 + loss));
    const answer = await done(
      'classify',
      path.join('data', 'val', 'a', '0.png'),
      '--model',
      best,
      '--format',
      'json',
    );
    const [{ predictions }] = JSON.parse(answer.stdout) as [
      { predictions: readonly { readonly label: string }[] },
    ];
    assert.deepEqual(predictions.map(({ label }) => label).sort(), ['a', 'b', 'c']);
    const exported = await done(
      'finch',
      'models',
      'export',
      best,
      '--format',
      'onnx',
      '--out',
      'joined.onnx',
    );
    assert.match(exported.stderr + exported.stdout, /checked in onnxruntime/);
    const joined = await readOnnxModel(at('joined.onnx'));
    assert.deepEqual(JSON.parse(joined.metadata.get('labels')!), ['a', 'b', 'c']);
    assert.ok(joined.metadata.has('preprocessing'));
    assert.deepEqual(joined.outputs.map(({ name, shape }) => [name, shape]), [['logits', ['N', 3]]]); // prettier-ignore
    // Nothing of the former classifier is in it.
    assert.equal(
      [...joined.initializers.keys()].some((name) => name.includes('head.weight')),
      false,
    );
    for (const format of ['tfjs', 'safetensors']) {
      await refused(
        3,
        /has a foreign network in it.*use --format onnx/,
        'finch',
        'models',
        'export',
        best,
        '--format',
        format,
        '--out',
        'x',
      );
    }
  });

  test('learns a head on any layer, and on an embedding', async () => {
    await done(
      'finetune',
      'data',
      '--model',
      'net',
      '--layer',
      'tokens',
      '--epochs',
      '0',
      '--out',
      'on-tokens',
    );
    const { stdout } = await done('classify', 'data/val', '--model', 'on-tokens/best', '--format', 'ndjson');
    assert.equal(stdout.trimEnd().split('\n').length, 12);
    await done('finch', 'models', 'export', 'on-tokens/best', '--format', 'onnx', '--out', 'tokens.onnx');
    await done('finetune', 'data', '--model', 'embeds', '--out', 'on-embeds');
    await done('classify', 'data/val', '--model', 'on-embeds/best', '--format', 'ndjson');
    await refused(
      2,
      /no such layer \(did you mean tokens/,
      'finetune',
      'data',
      '--model',
      'net',
      '--layer',
      'tokenz',
      '--out',
      'y',
    );
  });

  test('says what it cannot do', async () => {
    await refused(
      2,
      /--epochs 2: attention is a foreign network, which finch runs but does not train; without --epochs 2 only a head on it is trained/,
      'finetune',
      'data',
      '--model',
      'net',
      '--epochs',
      '2',
      '--out',
      'z',
    );
    await refused(
      2,
      /--find-lr: attention is a foreign network/,
      'finetune',
      'data',
      '--model',
      'net',
      '--find-lr',
    );
    await refused(
      3,
      /attention knows no classes: it puts out features of a picture/,
      'classify',
      'data/val',
      '--model',
      'embeds',
    );
    await refused(
      3,
      /which TensorFlow\.js does not run; use --engine onnx/,
      'classify',
      'data/val',
      '--model',
      'net',
      '--device',
      'js',
    );
    await refused(
      3,
      /pictures of 16x16 only, received \[12,12,3\]/,
      'classify',
      'data/val',
      '--model',
      'net',
      '--min-side',
      '16',
      '--crop',
      '0.75',
    );
  });
});

test("a head on a layer of a network of finch's own", async () => {
  await done('finetune', 'data', '--layer', 'avg_pooling', '--epochs', '0', '--out', 'own');
  await done('classify', 'data/val', '--model', 'own/best', '--format', 'ndjson');
});

test('models import counts the numbers of a foreign network', async () => {
  await writeFile(at('attention.onnx'), attentionOnnx());
  const half = ['--mean', '0.5', '--std', '0.5'];
  const { stderr } = await done(
    'finch',
    'models',
    'import',
    'attention.onnx',
    '--name',
    'attention',
    ...half,
  );
  // 12 filters of 8x8x3, two matrices of 12x12, and the classifier.
  assert.match(stderr, /^2657 parameters/m);
  await done('classify', 'data/val', '--model', 'attention', '--format', 'ndjson');
});
