// ViT and Swin of timm as torch exports them: PyTorch's logits and features, a head on real photos as good as scikit-learn's on the same
// features, and the joined file in Python's onnxruntime. Needs Python with torch, timm, onnx, onnxscript, onnxruntime and scikit-learn
// (FINCH_PYTHON, else python3); skips without. About fifteen minutes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { embeddingLayer } from '../../src/artefact/model.ts';
import { readModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { opaqueNetwork } from '../../src/importers/onnx/opaque.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const MODULES = 'torch, timm, onnx, onnxscript, onnxruntime, sklearn';
const hasAll = hasModules(python, MODULES);
const birds = sharedData('birds');
const skip = !hasAll && `${python} has no ${MODULES} (FINCH_PYTHON names another)`;

const SIZE = 224;
const COUNT = 4;
const HALF = [0.5, 0.5, 0.5] as const;
const preprocessing = { size: SIZE, resize: SIZE, mode: 'squash', interpolation: 'bilinear', mean: HALF, std: HALF } as const; // prettier-ignore

const peer = (...args: readonly string[]) =>
  execFileSync(python, [path.join(PACKAGE_ROOT, 'test', 'golden', 'opaque_peer.py'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 26 }); // prettier-ignore

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const floats = async (name: string) => {
  const bytes = await readFile(at(name));
  return new Float32Array(Uint8Array.from(bytes).buffer);
};

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-timm-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const NETWORKS = [
  { name: 'vit_tiny_patch16_224', opsets: [14, 20] },
  { name: 'swin_tiny_patch4_window7_224', opsets: [16, 18] },
] as const;

for (const { name, opsets } of NETWORKS) {
  describe(name, { skip }, () => {
    const data = madeUpPixels(name, COUNT * SIZE, SIZE);
    const batch = { data, count: COUNT, height: SIZE, width: SIZE };

    for (const opset of opsets) {
      test(`opset ${opset}: PyTorch's logits and features`, async () => {
        await writeFile(at('pixels.bin'), data);
        peer('export', name, `${opset}`, scratch);
        const network = await opaqueNetwork(await readOnnxModel(at('network.onnx')), { name });
        assert.ok(network.classifier !== undefined);
        const engine = await createOnnxEngine({ device: 'cpu' });
        const outputs = [network.graph.output, embeddingLayer(network)];
        const predictor = await engine.load({ ...network, mean: HALF, std: HALF }, { outputs });
        const [logits, features] = await predictor.run(batch);
        await predictor.dispose();
        for (const [ours, theirs] of [
          [logits!.data, await floats('logits.bin')],
          [features!.data, await floats('features.bin')],
        ] as const) {
          const largest = theirs.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
          assertAllClose(ours, theirs, { atol: 1e-4 * largest, rtol: 0 });
        }
        await writeModelFolder(at(name), { name, ...network, preprocessing }, { dtype: 'float32' });
      });
    }

    test('a head on birds, and the joined file', { skip: birds.skip }, async (t) => {
      const run = async (program: string, ...args: readonly string[]) => {
        const ended = await runCli(program, args, {
          env: { FINCH_HOME: at('home') },
          spawn: { cwd: scratch },
        });
        assert.equal(ended.code, 0, ended.stderr);
        return ended.stdout;
      };
      await run('extract-features', birds.file, '--model', name, '--out', 'rows.npy', '--force');
      await run('finetune', birds.file, '--model', name, '--epochs', '0', '--out', `run-${name}`);
      const summary = JSON.parse(await readFile(at(`run-${name}`, 'summary.json'), 'utf8')) as {
        readonly top1: number;
      };
      const theirs = Number(peer('logistic', at('rows'), '/train/'));
      t.diagnostic(`finch ${(100 * summary.top1).toFixed(2)} %, scikit-learn ${(100 * theirs).toFixed(2)} %`);
      assert.ok(Math.abs(summary.top1 - theirs) <= 0.01, `finch ${summary.top1}, scikit-learn ${theirs}`);

      const best = path.join(`run-${name}`, 'best');
      await run('finch', 'models', 'export', best, '--format', 'onnx', '--out', 'joined.onnx', '--force');
      await writeFile(at('pixels.bin'), data);
      peer('run', at('joined.onnx'), scratch);
      const model = await readModelFolder(at(best));
      const engine = await createOnnxEngine({ device: 'cpu' });
      const predictor = await engine.load({ ...model, mean: HALF, std: HALF });
      const [ours] = await predictor.run(batch);
      await predictor.dispose();
      const joined = await floats('joined.bin');
      const largest = joined.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assertAllClose(ours!.data, joined, { atol: 1e-4 * largest, rtol: 0 });
    });
  });
}
