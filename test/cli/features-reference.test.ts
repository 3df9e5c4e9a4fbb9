// Features of real photos by real weights: PyTorch's own (test/golden/make_avgpool.py), photo by photo.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openNpy } from '../../src/formats/npy.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const sample = sharedData('imagenet-sample');
const weights = sharedData('weights', 'resnet18_imagenet_f16.safetensors');

async function rowsOf(file: string) {
  const opened = await openNpy(file);
  const data = await opened.read(0, opened.count);
  await opened.close();
  const numbers = opened.rowShape[0]!;
  return Array.from({ length: opened.count }, (_, i) => data.subarray(i * numbers, (i + 1) * numbers));
}

test(
  "ResNet-18's avgpool of 200 photos: cosine at least 0.9999 each",
  { skip: sample.skip || weights.skip },
  async (t) => {
    const home = await mkdtemp(path.join(tmpdir(), 'finch-avgpool-'));
    try {
      const env = { FINCH_HOME: home };
      const imported = await runCli('finch', ['models', 'import', weights.file, '--arch', 'resnet18', '--name', 'sample18'], { env }); // prettier-ignore
      assert.equal(imported.code, 0, imported.stderr);
      const out = path.join(home, 'f.npy');
      const ended = await runCli('extract-features', [sample.file, '--model', 'sample18', '--layer', 'avgpool', '--out', out], { env }); // prettier-ignore
      assert.equal(ended.code, 0, ended.stderr);
      const [ours, theirs] = await Promise.all([rowsOf(out), rowsOf(path.join(PACKAGE_ROOT, 'test', 'golden', 'avgpool.npy'))]); // prettier-ignore
      assert.equal(ours.length, theirs.length);
      const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
      const cosines = ours.map((row, i) => {
        const other = theirs[i]!;
        return product(row, other) / Math.sqrt(product(row, row) * product(other, other));
      });
      const least = Math.min(...cosines);
      t.diagnostic(`least cosine ${least.toFixed(7)}`);
      assert.ok(least >= 0.9999, `${least}`);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
);
