// Folders as transformers' save_pretrained writes them: finch's probabilities beside those of the library's own pipeline, on real photos.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasLibrary = hasModules(python, 'torch, torchvision, transformers, PIL');
const { file: photos, skip } = sharedData('imagenet-sample');
const SKIP =
  skip || (!hasLibrary && 'needs Python with torch, torchvision, transformers and Pillow (FINCH_PYTHON)');

const LABELS = ['robin', 'sparrow', 'finch', 'tit', 'wren'];
const COUNT = 6;

let scratch = '';
let pictures: readonly string[] = [];
let answers: Readonly<Record<string, readonly (readonly number[])[]>> = {};
before(async () => {
  if (SKIP) return;
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-transformers-'));
  pictures = await photosIn(photos);
  const script = path.join(PACKAGE_ROOT, 'test', 'golden', 'transformers_peer.py');
  const { status, stdout, stderr } = spawnSync(python, [script, scratch, ...pictures], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  answers = JSON.parse(stdout.split('\n').findLast((line) => line.startsWith('{'))!) as typeof answers;
});
after(() => rm(scratch, { recursive: true, force: true }));

async function photosIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.jpe?g$/i.test(name)).sort().slice(0, COUNT).map((name) => path.join(folder, name)); // prettier-ignore
}

interface Row {
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
}

describe('transformers', { skip: SKIP }, () => {
  test('every case was answered', () => assert.equal(Object.keys(answers).length, 12));

  for (const name of ['resnet-basic', 'resnet-bottleneck', 'regnet-x', 'regnet-y', 'convnext', 'convnext-unscaled', 'mobilenet_v1', 'mobilenet_v1-symmetric', 'mobilenet_v2', 'mobilenet_v2-coarse', 'efficientnet', 'efficientnet-odd']) {
    test(`${name}: its pipeline's probabilities`, async () => {
      const env = { FINCH_HOME: path.join(scratch, 'home') };
      const model = path.join(scratch, name);
      const ended = await runCli('classify', [...pictures, '--model', model, '--topk', '5', '--format', 'json'], { env });
      assert.equal(ended.code, 0, ended.stderr);
      const rows = JSON.parse(ended.stdout) as readonly Row[];
      rows.forEach(({ predictions }, i) => {
        const byLabel = new Map(predictions.map(({ label, probability }) => [label, probability]));
        assertAllClose(LABELS.map((label) => byLabel.get(label)!), answers[name]![i]!, { rtol: 0, atol: 1e-3 }); // prettier-ignore
      });
    });
  }
}); // prettier-ignore
