// Networks that torch.onnx wrote, old exporter and new, in several opsets: each becomes a graph of finch's, which gives PyTorch's logits
// of ten made-up pictures. Needs a Python with torch, torchvision, timm, onnx and onnxscript (FINCH_PYTHON, else python3).
// FINCH_ONNX=name,name runs some of them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { convertOnnx } from '../../src/importers/onnx/convert.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { PIXELS } from '../../src/zoo/record.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { startPeer } from '../helpers/python-peer.ts';

const NETWORKS: Readonly<Record<string, 'torchvision' | 'timm'>> = {
  convnext_atto: 'timm',
  convnext_tiny: 'torchvision',
  densenet121: 'torchvision',
  efficientnet_b0: 'torchvision',
  mobilenet_v2: 'torchvision',
  mobilenet_v3_large: 'torchvision',
  regnet_y_400mf: 'torchvision',
  resnet18: 'torchvision',
  resnet50: 'torchvision',
  shufflenet_v2_x0_5: 'torchvision',
  squeezenet1_1: 'torchvision',
};

const EXPORTS = [
  ...[11, 13, 17, 20].map((opset) => ({ file: `opset${opset}.onnx`, opset, dynamo: false })),
  { file: 'dynamo.onnx', opset: 20, dynamo: true },
];

const COUNT = 10;
/** Half of what the networks are for: sizes of pictures change nothing in how a file is read. */
const SIZE = 112;

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasTorch = spawnSync(python, ['-c', 'import torch, torchvision, timm, onnx, onnxscript']).status === 0;
const skip = !hasTorch && `${python} has no torch, torchvision, timm, onnx and onnxscript`;
const names = process.env['FINCH_ONNX']?.split(',') ?? Object.keys(NETWORKS);

describe('exports of torch.onnx', { skip }, () => {
  const peer = startPeer(python, path.join(PACKAGE_ROOT, 'test', 'golden', 'onnx_peer.py'));
  after(() => peer.stop());

  for (const name of names) {
    test(name, async (t) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'finch-onnx-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      await peer.make({ folder, package: NETWORKS[name], name, size: SIZE, count: COUNT, exports: EXPORTS });
      const answer = JSON.parse(readFileSync(path.join(folder, 'logits.json'), 'utf8')) as Answer;
      for (const { file } of EXPORTS) {
        await t.test(file, async (t) => {
          t.diagnostic(`largest deviation ${(await deviation(path.join(folder, file), answer)).toExponential(1)}`); // prettier-ignore
        });
      }
    });
  }
});

interface Answer {
  readonly logits: readonly (readonly number[])[];
  /** The largest distance of PyTorch's float32 logits from its float64 ones, relative to the largest. */
  readonly rounding: number;
}

/** Compares the logits; the largest difference, relative to the largest logit. */
async function deviation(file: string, { logits, rounding }: Answer): Promise<number> {
  const result = convertOnnx(await readOnnxModel(file), { name: 'network' });
  assert.ok(result.kind === 'converted', JSON.stringify(result));
  const { graph, weights, classifier } = result;
  assert.ok(graph.layers.some((layer) => layer.name === classifier));
  const engine = await createOnnxEngine({ device: 'cpu' });
  const predictor = await engine.load({ graph, weights, ...PIXELS.imagenet });
  let largest = 0;
  for (const [i, expected] of logits.entries()) {
    const data = madeUpPixels(`picture ${i}`, SIZE, SIZE);
    const [output] = await predictor.run({ data, count: 1, height: SIZE, width: SIZE });
    const actual = output!.data;
    const scale = Math.max(...expected.map(Math.abs));
    largest = Math.max(largest, ...expected.map((value, j) => Math.abs(value - actual[j]!) / scale));
    // Two float32 computations cannot agree better than each agrees with float64: the training goldens' rule.
    assertAllClose(actual, expected, { rtol: Math.max(1e-4, 3 * rounding) }, `picture ${i}`);
  }
  await predictor.dispose();
  return largest;
}
