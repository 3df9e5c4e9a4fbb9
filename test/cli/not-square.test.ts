// not-square.test.ts: a network for pictures that are not square: classify, features, finetune, evaluate and export at its height and
// width.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { classProbabilities, outputOf } from '../../src/graph/output.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeWideModel } from '../helpers/small-model.ts';

const [HEIGHT, WIDTH] = [24, 40];
const PREPARED = ['--mean', '0.5', '--std', '0.25', '--threads', '1'];
const CASES = path.join(PACKAGE_ROOT, '..', 'shared', 'cases');
const GAP = path.join(CASES, 'keras_nonsquare', 'gap');

interface Row {
  readonly predictions: readonly { readonly index: number; readonly probability: number }[];
}

describe('pictures that are not square', () => {
  let home: string;
  const at = (...parts: readonly string[]) => path.join(home, ...parts);
  const run = async (program: string, ...args: readonly string[]) => {
    const ended = await runCli(program, args, { env: { FINCH_HOME: at('home') }, spawn: { cwd: home } });
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  };
  const probabilities = async (...args: readonly string[]) => {
    const { stdout } = await run('classify', ...args, '--format', 'json');
    const [{ predictions }] = JSON.parse(stdout) as [Row];
    return [...predictions].sort((a, b) => a.index - b.index).map(({ probability }) => probability);
  };

  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-wide-'));
    await writeWideModel(at('wide'), [HEIGHT, WIDTH]);
    const pixels = madeUpPixels('wide', HEIGHT, WIDTH);
    await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } }).toFile(at('exact.png'));
    await writeDataset(at('data'), ['a', 'b', 'c'], 10);
  });
  after(() => rm(home, { recursive: true, force: true }));

  it('classify sees a picture of that size as it is', async () => {
    const { graph, weights } = await readModelFolder(at('wide'));
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
    const data = madeUpPixels('wide', HEIGHT, WIDTH);
    const [logits] = await predictor.run({ data, count: 1, height: HEIGHT, width: WIDTH });
    await predictor.dispose();
    const expected = [...classProbabilities(outputOf(graph), logits!.data)];
    const received = await probabilities('exact.png', '--model', 'wide', '--topk', '7', ...PREPARED);
    assertAllClose(received, expected, { atol: 1e-6 });
  });

  it('squash, pad and crop make pictures of that size; a square by two flags is refused', async () => {
    const args = ['data/a/3.png', '--model', 'wide', '--topk', '7', ...PREPARED];
    const [whole, ...others] = [
      await probabilities(...args),
      await probabilities(...args, '--resize-mode', 'pad'),
      await probabilities(...args, '--resize-mode', 'crop'),
      await probabilities(...args, '--resize-mode', 'crop', '--min-side', '24'),
    ];
    assert.deepEqual(await probabilities(...args, '--resize-mode', 'squash'), whole, 'the default');
    for (const other of others) assert.notDeepEqual(other, whole);
    const both = await runCli('classify', [...args, '--min-side', '32', '--crop', '0.75'], { spawn: { cwd: home } }); // prettier-ignore
    assert.equal(both.code, 2);
    assert.match(both.stderr, /--min-side and --crop together ask for a square of 24 pixels.*24 x 40/);
  });

  it('features, a new head and all weights; what is saved says its size and is used at it', async () => {
    await run('extract-features', 'data', '--model', 'wide', '--out', 'f.npy', ...PREPARED);
    const learn = ['data', '--model', 'wide', '--epochs', '1', '--cutmix', '1', '--batch-size', '8'];
    await run('finetune', ...learn, '--out', 'run', ...PREPARED);
    const best = path.join('run', 'best');
    const { preprocessing, graph } = await readModelFolder(at(best));
    assert.deepEqual(preprocessing!.size, [HEIGHT, WIDTH]);
    assert.equal(preprocessing!.mode, 'squash');
    assert.deepEqual(graph.layers[0]!.kind === 'input' && graph.layers[0].shape, [HEIGHT, WIDTH, 3]);
    const { stdout } = await run('finch', 'evaluate', 'data', '--model', best, '--format', 'json');
    assert.ok((JSON.parse(stdout) as { readonly top1: number }).top1 > 0.9, stdout);
    await run('extract-features', 'data', '--model', best, '--out', 'g.npy');
    await run('finch', 'search', 'data/b/2.png', '--in', 'g.npy', '--format', 'json');
    const { stderr } = await run('finch', 'models', 'export', best, '--format', 'onnx', '--out', 'm.onnx');
    assert.match(stderr, /pixels \[N,24,40,3\]/);
    await run('finch', 'models', 'import', best, '--name', 'again');
    assert.deepEqual(
      await probabilities('data/c/1.png', '--model', 'again'),
      await probabilities('data/c/1.png', '--model', best),
    );
  });

  const skip = !existsSync(GAP) && `${GAP} is not here`;
  it('a network of 48 x 96 pixels gives Keras’s answer', { skip }, async () => {
    const text = await readFile(path.join(GAP, 'expected.json'), 'utf8');
    const expected = (JSON.parse(text) as { readonly 'plain.png': readonly number[] })['plain.png'];
    const picture = path.join(CASES, 'ckpt_baseline', 'plain.png');
    const received = await probabilities(picture, '--model', GAP, '--mean', '0', '--std', '1', '--topk', '3');
    assertAllClose(received, expected, { atol: 1e-5 });
  });
});
