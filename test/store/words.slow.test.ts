// Networks that compare pictures with words, as transformers writes them and torch exports them: finch's probabilities beside those
// of the library's own pipeline 'zero-shot-image-classification', and its order of pictures beside the embeddings' own.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasLibrary = hasModules(python, 'torch, transformers, tokenizers, onnx, PIL');
const { file: photos, skip } = sharedData('imagenet-sample');
const SKIP = skip || (!hasLibrary && 'needs Python with torch, transformers, onnx and Pillow (FINCH_PYTHON)');

const CASES = ['clip-one', 'clip-halves', 'siglip-one', 'siglip-halves', 'siglip2-one'];
const COUNT = 4;

interface Answer {
  readonly words: readonly string[];
  readonly queries: readonly string[];
  readonly classes: readonly (readonly number[])[];
  readonly similarities: readonly (readonly number[])[];
}

let scratch = '';
let pictures: readonly string[] = [];
let answers: Readonly<Record<string, Answer>> = {};
before(async () => {
  if (SKIP) return;
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-words-'));
  const names = (await readdir(photos, { recursive: true })).filter((name) => /\.jpe?g$/i.test(name)).sort();
  pictures = names.slice(0, COUNT).map((name) => path.join(photos, name));
  const script = path.join(PACKAGE_ROOT, 'test', 'golden', 'words_peer.py');
  const { status, stdout, stderr } = spawnSync(python, [script, scratch, ...pictures], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  answers = JSON.parse(stdout.split('\n').findLast((line) => line.startsWith('{'))!) as typeof answers;
});
after(() => rm(scratch, { recursive: true, force: true }));

describe('transformers', { skip: SKIP }, () => {
  test('every case was answered', () => assert.deepEqual(Object.keys(answers), CASES));

  for (const name of CASES) {
    test(`${name}: the pipeline's probabilities, and the likeness behind search`, async () => {
      const env = { FINCH_HOME: path.join(scratch, 'home') };
      const { words, queries, classes, similarities } = answers[name]!;
      const list = path.join(scratch, 'words.txt');
      await writeFile(list, words.join('\n'));
      const model = path.join(scratch, name);
      const args = [
        ...pictures,
        '--model',
        model,
        '--classes',
        `@${list}`,
        '--topk',
        String(words.length),
        '--format',
        'json',
      ];
      const ended = await runCli('classify', args, { env });
      assert.equal(ended.code, 0, ended.stderr);
      const rows = JSON.parse(ended.stdout) as { predictions: { index: number; probability: number }[] }[];
      rows.forEach(({ predictions }, i) => {
        const byIndex = predictions
          .toSorted((a, b) => a.index - b.index)
          .map(({ probability }) => probability);
        assertAllClose(byIndex, classes[i]!, { rtol: 0, atol: 1e-5 });
      });
      const features = path.join(scratch, `${name}.npy`);
      const made = await runCli('extract-features', [...pictures, '--model', model, '--out', features], {
        env,
      });
      assert.equal(made.code, 0, made.stderr);
      const found = await runCli('finch', ['search', ...queries, '--in', features, '--format', 'json'], {
        env,
      });
      assert.equal(found.code, 0, found.stderr);
      const results = JSON.parse(found.stdout) as { results: { row: number; similarity: number }[] }[];
      results.forEach(({ results: rows }, q) => {
        const byRow = rows.toSorted((a, b) => a.row - b.row).map(({ similarity }) => similarity);
        assertAllClose(byRow, similarities[q]!, { rtol: 0, atol: 1e-5 });
      });
    });
  }
});
