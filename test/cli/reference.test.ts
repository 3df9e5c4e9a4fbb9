// Real photos, real weights: the same answers as PyTorch, picture by picture.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const sample = sharedData('imagenet-sample');
const reference = sharedData('reference', 'imagenet-sample.json');
const weights = sharedData('weights', 'resnet18_imagenet_f16.safetensors');
const dog = sharedData('reference', 'dog.jpg');

interface Row {
  readonly file: string;
  readonly predictions: readonly { readonly index: number; readonly probability: number }[];
}
type Reference = Readonly<Record<string, Readonly<Record<string, readonly (readonly [number, number])[]>>>>;

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-reference-'));
  if (weights.skip) return;
  const ended = await runCli('finch', ['models', 'import', weights.file, '--arch', 'resnet18', '--name', 'sample18'], { env: { FINCH_HOME: home } }); // prettier-ignore
  assert.equal(ended.code, 0, ended.stderr);
});
after(() => rm(home, { recursive: true, force: true }));

async function classify(...args: string[]): Promise<Row[]> {
  const ended = await runCli('classify', [...args, '--format', 'json', '--topk', '10'], {
    env: { FINCH_HOME: home },
  });
  assert.equal(ended.code, 0, ended.stderr);
  return JSON.parse(ended.stdout) as Row[];
}

describe('200 photos of ImageNet against PyTorch', { skip: sample.skip || reference.skip }, () => {
  for (const [model, key, tolerance, skip] of [
    ['efficientnet_lite0', 'efficientnet_lite0', 0.01, false],
    ['sample18', 'resnet18_imagenet_f16', 0.002, weights.skip],
  ] as const) {
    test(
      `${key}: top-1 the same on all, probabilities within ${tolerance}, no less accurate`,
      { skip },
      async (t) => {
        const golden = (JSON.parse(readFileSync(reference.file, 'utf8')) as Reference)[key]!;
        const rows = await classify(sample.file, '--model', model);
        assert.equal(rows.length, Object.keys(golden).length);
        const truth = new Map(
          parse(readFileSync(path.join(sample.file, 'labels.csv')), { fromLine: 2 }).map(([file, index]) => [
            file,
            Number(index),
          ]),
        );
        let worst = 0;
        let ours = 0;
        let theirs = 0;
        for (const { file, predictions } of rows) {
          const name = path.basename(file);
          const expected = golden[name]!;
          assert.equal(predictions[0]!.index, expected[0]![0], name);
          for (const [index, probability] of expected) {
            const found = predictions.find((prediction) => prediction.index === index);
            if (found) worst = Math.max(worst, Math.abs(found.probability - probability));
            else
              assert.ok(
                probability <= predictions.at(-1)!.probability + tolerance,
                `${name} lacks class ${index}`,
              );
          }
          ours += Number(predictions[0]!.index === truth.get(name));
          theirs += Number(expected[0]![0] === truth.get(name));
        }
        t.diagnostic(
          `largest difference ${worst.toFixed(6)}; top-1 ${ours} of ${rows.length}, PyTorch ${theirs}`,
        );
        assert.ok(worst <= tolerance, `off by ${worst}`);
        assert.ok(ours >= theirs);
      },
    );
  }
});

test('the Samoyed', { skip: dog.skip || weights.skip }, async () => {
  const [row] = await classify(dog.file, '--model', 'sample18');
  assert.equal(row!.predictions[0]!.index, 258);
  assert.ok(Math.abs(row!.predictions[0]!.probability - 0.9539) <= 0.002);
});

test(
  "the tutorial's labels as they are: GB18030, 1001 rows, the background first",
  { skip: dog.skip || weights.skip || sharedData('labels').skip },
  async () => {
    const labels = sharedData('labels', 'zh_labels_gb18030_1001.csv').file;
    const ended = await runCli('classify', [dog.file, '--labels', labels, '--format', 'csv'], {
      env: { FINCH_HOME: home },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /,1,258,n02111889,萨摩耶犬,,/);
  },
);
