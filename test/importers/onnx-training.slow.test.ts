// Networks that torch.onnx wrote learn as the zoo's own of the same name and weights: five steps on the same batches give PyTorch's losses
// and the zoo's weights. Batch norm is a node of its own in these files (training=PRESERVE): torch.onnx folds it into the convolution
// before it by default. Such a file gives the same logits and the same first loss. Its later steps are others: where y = s w x, a step of
// w moves s w by s² times what a step of the folded kernel moves it, and a folded network has no s to train. So those are not compared.
// About four minutes. Needs a Python with torch, torchvision and onnx (FINCH_PYTHON, else python3).

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';
import { convertOnnx } from '../../src/importers/onnx/convert.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { FAMILY_GOLDEN, familyNetwork, type FamilyRun } from '../helpers/family-golden.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { hasModules, startPeer } from '../helpers/python-peer.ts';
import { goldenBatch, OPTIMIZERS } from '../helpers/training-golden.ts';

const NAMES = [
  'convnext_tiny',
  'densenet121',
  'efficientnet_b0',
  'mobilenet_v2',
  'mobilenet_v3_small',
  'regnet_y_400mf',
  'resnet18',
  'shufflenet_v2_x0_5',
  'squeezenet1_1',
];

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const hasTorch = hasModules(python, 'torch, torchvision, onnx');
const skip = !hasTorch && `${python} has no torch, torchvision and onnx`;

interface Network {
  readonly graph: Graph;
  readonly weights: Weights;
}

describe('exports of torch.onnx learn as the zoo does', { skip }, () => {
  const peer = startPeer(python, path.join(PACKAGE_ROOT, 'test', 'golden', 'onnx_training_peer.py'));
  after(() => peer.stop());

  for (const name of NAMES) {
    test(name, async (t) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'finch-onnx-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      await peer.make({ folder, name });
      const run = FAMILY_GOLDEN.runs.find(({ network }) => network === name)!;
      const [zoo, kept, folded] = [familyNetwork(run), await read('kept'), await read('folded')];
      async function read(file: string): Promise<Network> {
        const size = run.size;
        const result = convertOnnx(await readOnnxModel(path.join(folder, `${file}.onnx`)), { name, size });
        assert.ok(result.kind === 'converted', JSON.stringify(result));
        return result;
      }

      const logits = await logitsOf(zoo, run);
      assertAllClose(await logitsOf(kept, run), logits, { rtol: 1e-4 }, 'logits');
      assertAllClose(await logitsOf(folded, run), logits, { rtol: 1e-4 }, 'logits of the folded network');

      const [own, its] = [await train(zoo, run), await train(kept, run)];
      its.losses.forEach((loss, i) => {
        for (const expected of [run.losses[i]!, own.losses[i]!]) {
          const off = Math.abs(loss - expected) / expected;
          assert.ok(off <= Math.max(1e-4, 3 * run.float32), `loss of step ${i + 1}: ${loss} for ${expected}`);
        }
      });
      assertSameMoves(zoo.weights, own.weights, { before: kept.weights, after: its.weights });

      const [first] = (await train(zoo, run, 'frozen')).losses;
      const [firstFolded] = (await train(folded, run, 'frozen')).losses;
      assertAllClose([firstFolded!], [first!], { rtol: 1e-4 }, 'first loss of the folded network');
    });
  }
});

async function logitsOf(network: Network, { size }: FamilyRun): Promise<Float32Array> {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ ...network, ...HALF }, { size: [size, size] });
  const [output] = await predictor.run(goldenBatch(size, FAMILY_GOLDEN.batch).batch);
  const logits = Float32Array.from(output!.data);
  await predictor.dispose();
  return logits;
}

async function train(network: Network, run: FamilyRun, batchNorm: 'train' | 'frozen' = 'train') {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const trainer = await engine.trainer(
    { ...network, ...HALF },
    {
      batchSize: FAMILY_GOLDEN.batch,
      loss: { kind: 'cross-entropy' },
      optimizer: OPTIMIZERS[run.optimizer],
      batchNorm,
    },
  );
  const { batch, targets } = goldenBatch(run.size, FAMILY_GOLDEN.batch);
  const losses: number[] = [];
  for (const _ of run.losses) losses.push((await trainer.step(batch, targets, [run.rate])).loss);
  const weights = await trainer.weights();
  await trainer.dispose();
  return { losses, weights };
}

/**
 * Every weight of the zoo's network is one of the converted network's, known by its numbers before training, and moved as far: within
 * the families' limits, 1e-3 of the weight and 1e-2 of what it moved.
 */
function assertSameMoves(
  start: Weights,
  end: Weights,
  its: { readonly before: Weights; readonly after: Weights },
): void {
  const byNumbers = new Map([...its.before].map(([name, { data }]) => [keyOf(data), name]));
  assert.equal(byNumbers.size, start.size, 'as many weights');
  for (const [name, { data: from }] of start) {
    const same = byNumbers.get(keyOf(from));
    assert.ok(same !== undefined, `${name} is no weight of the converted network`);
    const [to, toIts] = [end.get(name)!.data, its.after.get(same)!.data];
    const moved = norm(to.map((value, i) => value - from[i]!));
    const apart = norm(to.map((value, i) => value - toIts[i]!));
    const limit = Math.min(1e-3 * Math.max(norm(from), moved), 1e-2 * moved + 3e-7 * norm(from));
    assert.ok(apart <= limit, `${name}: moved ${moved}, apart by ${apart}, limit ${limit}`);
  }
}

const keyOf = (data: Float32Array) => [...data].toSorted((a, b) => a - b).join();

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
