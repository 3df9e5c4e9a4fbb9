// Networks that torch.onnx wrote, in several opsets and by both of its exporters: each becomes a graph of finch's where finch has all its
// operators, else it runs as it is, and gives PyTorch's logits of ten photos. Needs a Python with torch, torchvision, timm, onnx and
// onnxscript (FINCH_PYTHON, else python3). FINCH_ONNX=name,name runs some of them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readOnnx } from '../../src/store/read-onnx.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { PIXELS } from '../../src/zoo/record.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { hasModules, startPeer } from '../helpers/python-peer.ts';
import { sharedData } from '../helpers/shared-data.ts';

interface Network {
  readonly package: 'torchvision' | 'timm';
  /** Whether finch has a layer for each of its operators. */
  readonly becomes: 'graph' | 'opaque';
  /** Side of the pictures in pixels; 112 by default, half of what the networks are for: it changes nothing in how a file is read. */
  readonly size?: number;
  readonly options?: object;
}

const timm = { package: 'timm', becomes: 'graph' } as const satisfies Network;
const torchvision = { package: 'torchvision', becomes: 'graph' } as const satisfies Network;
const opaque = { package: 'timm', becomes: 'opaque' } as const satisfies Network;

const NETWORKS: Readonly<Record<string, Network>> = {
  coatnet_nano_rw_224: { ...opaque, size: 224 },
  convnext_atto: timm,
  convnext_tiny: torchvision,
  convnextv2_atto: opaque,
  deit_tiny_patch16_224: { ...opaque, options: { img_size: 112 } },
  densenet121: timm,
  edgenext_xx_small: opaque,
  efficientnet_b0: timm,
  efficientvit_b0: opaque,
  ghostnet_100: timm,
  levit_128s: { ...opaque, size: 224 },
  maxvit_nano_rw_256: { ...opaque, size: 256 },
  mixer_s32_224: { ...timm, size: 224 },
  mobilenet_v2: torchvision,
  mobilenet_v3_large: torchvision,
  mobilenetv2_100: timm,
  mobilenetv3_large_100: timm,
  mobilenetv4_conv_small: timm,
  mobilevit_xxs: opaque,
  poolformer_s12: opaque,
  regnet_y_400mf: torchvision,
  regnety_004: timm,
  repvgg_a0: timm,
  res2net50_26w_4s: timm,
  resnet18: timm,
  resnet50: timm,
  seresnet50: timm,
  shufflenet_v2_x0_5: torchvision,
  squeezenet1_1: torchvision,
  swin_tiny_patch4_window7_224: { ...opaque, size: 224 },
  vit_small_patch14_dinov2: { ...opaque, options: { img_size: 112, num_classes: 1000 } },
  vit_tiny_patch16_224: { ...opaque, options: { img_size: 112 } },
  xcit_nano_12_p16_224: opaque,
};

const EXPORTS = [
  ...[11, 13, 17, 20].map((opset) => ({ file: `opset${opset}.onnx`, opset, dynamo: false })),
  { file: 'dynamo.onnx', opset: 20, dynamo: true },
];

const COUNT = 10;
const SIZE = 112;

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasTorch = hasModules(python, 'torch, torchvision, timm, onnx, onnxscript');
const shared = sharedData('imagenet-sample');
const skip = shared.skip || (!hasTorch && `${python} has no torch, torchvision, timm, onnx and onnxscript`);
const names = process.env['FINCH_ONNX']?.split(',') ?? Object.keys(NETWORKS);

describe('exports of torch.onnx', { skip }, () => {
  const peer = startPeer(python, path.join(PACKAGE_ROOT, 'test', 'golden', 'onnx_peer.py'));
  after(() => peer.stop());

  for (const name of names) {
    test(name, async (t) => {
      const { package: from, becomes, size = SIZE, options = {} } = NETWORKS[name]!;
      const folder = await mkdtemp(path.join(tmpdir(), 'finch-onnx-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      await peer.make({ folder, package: from, name, size, options, photos: photos(), exports: EXPORTS });
      for (const { file } of EXPORTS) {
        await t.test(file, async (t) => {
          t.diagnostic(`largest deviation ${(await deviation(folder, file, { becomes, size })).toExponential(1)}`); // prettier-ignore
        });
      }
    });
  }
});

const photos = () =>
  readdirSync(shared.file)
    .filter((name) => /\.jpe?g$/i.test(name))
    .slice(0, COUNT)
    .map((name) => path.join(shared.file, name));

interface Answer {
  readonly logits: readonly (readonly number[])[];
  /** For each picture, the largest distance of PyTorch's float32 logits from its float64 ones, relative to the largest. */
  readonly rounding: readonly number[];
}

/** Compares the logits; the largest difference, relative to the largest logit. */
async function deviation(
  folder: string,
  file: string,
  { becomes, size }: { readonly becomes: Network['becomes']; readonly size: number },
): Promise<number> {
  const { logits, rounding } = JSON.parse(readFileSync(path.join(folder, 'logits.json'), 'utf8')) as Answer;
  const notes: string[] = [];
  const model = await readOnnx(path.join(folder, file), {
    name: 'network',
    size,
    provenance: { changes: 'none' },
    onNote: (text) => notes.push(text),
  });
  assert.equal(model.foreign ? 'opaque' : 'graph', becomes, notes.join('\n'));
  // The mean of two classifiers has no one layer that a new head could replace: what they take is known all the same.
  const end = model.classifier ?? model.embedding;
  assert.ok(model.graph.layers.some((layer) => layer.name === end));
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ ...model, ...PIXELS.imagenet });
  const pixels = readFileSync(path.join(folder, 'pixels.bin'));
  const bytes = size * size * 3;
  let largest = 0;
  for (const [i, expected] of logits.entries()) {
    const data = new Uint8Array(pixels.subarray(i * bytes, (i + 1) * bytes));
    const [output] = await predictor.run({ data, count: 1, height: size, width: size });
    const actual = output!.data;
    const scale = Math.max(...expected.map(Math.abs));
    largest = Math.max(largest, ...expected.map((value, j) => Math.abs(value - actual[j]!) / scale));
    // Two float32 computations cannot agree better than each agrees with float64: the training goldens' rule.
    assertAllClose(actual, expected, { rtol: Math.max(1e-4, 3 * rounding[i]!) }, `picture ${i}`);
  }
  await predictor.dispose();
  return largest;
}
