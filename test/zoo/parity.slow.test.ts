// Every architecture against PyTorch: a peer of torchvision, timm or Cadene with random weights, batch norm's statistics of real
// photos, its state dict imported, the logits of three photos (of one where only the weights' names differ). Needs a Python with torch
// and the packages (FINCH_PYTHON, else python3). The usual members run; FINCH_ZOO=all or FINCH_ZOO=name,name runs others.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';

import { inputSize } from '../../src/api/network.ts';
import { countParameters } from '../../src/graph/cost.ts';
import { importCheckpoint } from '../../src/store/import.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { sidesOf } from '../../src/util/preprocessing.ts';
import { PIXELS } from '../../src/zoo/record.ts';
import { ARCHITECTURE_NAMES, findArchitecture } from '../../src/zoo/architectures.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { hasModules, startPeer } from '../helpers/python-peer.ts';
import { sharedData } from '../helpers/shared-data.ts';

const GOLDEN = path.join(PACKAGE_ROOT, 'test', 'golden');

/** The networks that compute the same, as `package name`; a second one has other names for the weights. */
const peers = JSON.parse(readFileSync(path.join(GOLDEN, 'zoo-peers.json'), 'utf8')) as Record<
  string,
  string[]
>;

/** One of each family, and of each form within it, but for large ones that networks.test.ts has goldens of. */
const USUAL = [
  'alexnet',
  'bninception',
  'convnext_atto',
  'convnext_tiny',
  'densenet121',
  'efficientnet_b0',
  'efficientnet_lite0',
  'efficientnet_v2_s',
  'googlenet',
  'inception_v3',
  'legacy_seresnet18',
  'legacy_seresnet50',
  'mnasnet1_0',
  'mobilenet_v2',
  'mobilenet_v3_large',
  'mobilenetv3_small_050',
  'nasnetamobile',
  'regnet_y_400mf',
  'resnet18',
  'resnet18d',
  'resnext50_32x4d',
  'semnasnet_100',
  'seresnet50',
  'shufflenet_v2_x0_5',
  'squeezenet1_1',
  'tf_efficientnet_b0',
  'vgg11_bn',
];

const wanted = process.env['FINCH_ZOO'];
const names = wanted === 'all' ? Object.keys(peers) : (wanted?.split(',') ?? USUAL);

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const photos = sharedData('imagenet-sample');
const hasTorch = hasModules(python, 'torch, torchvision, timm');
const skip = photos.skip || (!hasTorch && `${python} has no torch, torchvision and timm`);

/** The packages that have few of the peers, by the names that Python imports them by: a Python may lack them. */
const RARE = {
  pretrainedmodels: 'pretrainedmodels',
  'efficientnet-lite-pytorch': 'efficientnet_lite_pytorch',
};
const missing = new Map(
  Object.entries(RARE)
    .filter(([, module]) => !hasModules(python, module))
    .map(([name]) => [name, `${python} has no package ${name}`]),
);

/** Every photo goes through every operator: a few tell as much as many. */
const COUNT = 3;
/** A second peer of a network has other names for the same numbers. */
const COUNT_AGAIN = 1;
/** Batch norm's statistics are of so many. */
const PHOTOS = 4;

describe('architectures against PyTorch', { skip }, () => {
  const peer = startPeer(python, path.join(GOLDEN, 'zoo_peer.py'));
  after(() => peer.stop());

  test('every architecture has a peer', () => {
    assert.deepEqual(
      ARCHITECTURE_NAMES.filter((name) => !Object.hasOwn(peers, name)),
      [],
    );
  });

  for (const name of names) {
    for (const [i, peerName] of (peers[name] ?? assert.fail(`no peer of ${name} is listed`)).entries()) {
      test(`${name}, ${peerName}`, { skip: missing.get(peerName.split(' ')[0]!) ?? false }, async (t) => {
        const folder = await mkdtemp(path.join(tmpdir(), 'finch-parity-'));
        t.after(() => rm(folder, { recursive: true, force: true }));
        await compare(
          { name, peer: peerName, count: i === 0 ? COUNT : COUNT_AGAIN },
          folder,
          (job) => peer.make(job),
          (text) => t.diagnostic(text),
        );
      });
    }
  }
});

async function compare(
  { name, peer, count }: { readonly name: string; readonly peer: string; readonly count: number },
  folder: string,
  make: (job: object) => Promise<void>,
  note: (text: string) => void,
) {
  const { build } = findArchitecture(name);
  const graph = build(1000);
  const [size] = sidesOf(inputSize(graph));
  const files = readdirSync(photos.file).filter((file) => /\.jpe?g$/i.test(file)).slice(0, PHOTOS); // prettier-ignore
  const [packageName, peerName] = peer.split(' ');
  await make({
    folder,
    package: packageName,
    name: peerName,
    size,
    count,
    photos: files.map((file) => path.join(photos.file, file)),
  });
  const answer = JSON.parse(readFileSync(path.join(folder, 'answer.json'), 'utf8')) as {
    readonly parameters: number;
    /** The largest distance of PyTorch's float32 logits from its float64 ones, relative to the largest. */
    readonly rounding: number;
    readonly logits: readonly (readonly number[])[];
  };
  assert.equal(countParameters(graph), answer.parameters);
  const { weights, architecture } = await importCheckpoint(path.join(folder, 'weights.pth'), {
    // What the user's file is called tells networks of the same names and shapes apart.
    hints: [name],
    name,
    provenance: { source: peer },
    preprocessingOf: () => ({
      size,
      resize: size,
      mode: 'crop',
      interpolation: 'bilinear',
      ...PIXELS.imagenet,
    }),
  });
  assert.equal(architecture, name);
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ graph, weights, ...PIXELS.imagenet }, { size: [size, size] });
  const pixels = new Uint8Array(await readFile(path.join(folder, 'pixels.bin')));
  let largest = 0;
  for (const [i, expected] of answer.logits.entries()) {
    const data = pixels.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    const [logits] = await predictor.run({ data, count: 1, height: size, width: size });
    const actual = [...logits!.data];
    const scale = Math.max(...expected.map(Math.abs));
    largest = Math.max(largest, ...actual.map((value, j) => Math.abs(value - expected[j]!) / scale));
    // Two float32 computations cannot agree better than each agrees with float64: the training goldens' rule.
    assertAllClose(actual, expected, { rtol: Math.max(1e-4, 3 * answer.rounding) }, `photo ${i}`);
    assert.equal(
      actual.indexOf(Math.max(...actual)),
      expected.indexOf(Math.max(...expected)),
      `top-1, photo ${i}`,
    );
  }
  await predictor.dispose();
  note(
    `largest deviation ${largest.toExponential(1)} of the largest logit, PyTorch from float64 ${answer.rounding.toExponential(1)}`,
  );
}
