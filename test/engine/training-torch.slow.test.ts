// Training beside a living PyTorch, at sizes that networks are trained at.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { assertLikeGolden, trainGolden, type GoldenRun } from '../helpers/training-golden.ts';

const PYTHON = process.env['FINCH_PYTHON'] ?? 'python3';
const SCRIPT = path.join(PACKAGE_ROOT, 'test', 'golden', 'make_training.py');

const skip =
  !hasModules(PYTHON, 'torch, torchvision, efficientnet_lite_pytorch') &&
  `${PYTHON} has no torch, torchvision or efficientnet-lite-pytorch (FINCH_PYTHON names another)`;

for (const [network, rate, size] of [
  ['resnet18', 1e-4, 224],
  // Depthwise and grouped convolutions in float64 take PyTorch many minutes at 224.
  ['efficientnet_lite0', 1e-5, 96],
  ['resnext50_32x4d', 1e-4, 64],
] as const) {
  test(`${network} at ${size}`, { skip }, async () => {
    const { stdout, stderr } = spawnSync(PYTHON, [SCRIPT, network, 'sgd', String(rate), String(size)], {
      encoding: 'utf8',
    });
    if (stdout === '') throw new Error(stderr);
    const run = JSON.parse(stdout) as GoldenRun;
    const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
    assertLikeGolden(run, await trainGolden(engine, run, { size: [size, size] }));
  });
}
