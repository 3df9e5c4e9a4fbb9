// tfjs.ts: the tfjs engine on tfjs-node: forward beside the same network written by hand, a training step beside the same step with
// plain TensorFlow.js operations, beside the onnx engine and beside PyTorch.

import path from 'node:path';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { plainKernels } from '../src/engine/tfjs/kernels.ts';
import { createTfjsEngine } from '../src/engine/tfjs/session.ts';
import { loadRuntime, type Tf, type TfjsRuntime } from '../src/engine/tfjs/runtime.ts';
import { createTrainer } from '../src/engine/tfjs/trainer.ts';
import type { Trainer, TrainSpec } from '../src/engine/training.ts';
import type { Weights } from '../src/graph/layers.ts';
import { messageOf } from '../src/util/errors.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import { nameOf, peerSide, type BenchContext } from './context.ts';
import { measure, median, output, type Row } from './measure.ts';

const SIDE = 224;
const NETWORK = 'resnet18';

function absent(measureName: string, error: unknown): readonly Row[] {
  return [
    { measure: measureName, unit: '', finch: null, peer: null, ratio: null, peerName: messageOf(error) },
  ];
}

function pixels(count: number) {
  const data = new Uint8Array(count * SIDE * SIDE * 3).map((_, i) => (i * 7919) % 251);
  return { data, count, height: SIDE, width: SIDE };
}

/** Milliseconds a picture: the median of `times` runs after one that does not count. */
async function timed(count: number, times: number, run: () => unknown): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i <= times; i++) {
    const started = performance.now();
    await run();
    if (i > 0) taken.push((performance.now() - started) / count);
  }
  return median(taken);
}

export async function forwardTfjs(): Promise<readonly Row[]> {
  let runtime: TfjsRuntime;
  try {
    runtime = await loadRuntime({ device: 'cpu' });
  } catch (error) {
    return absent('forward, tfjs-node', error);
  }
  const graph = findArchitecture(NETWORK).build(1000);
  const weights = madeUpWeights(graph);
  const engine = await createTfjsEngine({ device: 'cpu' });
  const predictor = await engine.load({ graph, weights, ...HALF });
  const byHand = resnet18ByHand(runtime.tf, weights);
  const rows: Row[] = [];
  for (const count of [1, 16]) {
    const batch = pixels(count);
    const times = Math.max(5, 32 / count);
    rows.push(
      await measure({
        measure: `forward, tfjs-node, ${NETWORK}, batch ${count}`,
        unit: 'ms/picture',
        repeats: 3,
        peerName: 'the same network by hand on tfjs-node',
        finch: () => timed(count, times, () => predictor.run(batch)),
        peer: () => timed(count, times, () => byHand(batch.data, count)),
      }),
    );
  }
  await predictor.dispose();
  return rows;
}

/** As somebody writes it who knows TensorFlow.js: pads, convolutions, its batch norm; no folding. */
function resnet18ByHand(tf: Tf, weights: Weights): (data: Uint8Array, count: number) => Promise<unknown> {
  type Picture = import('@tensorflow/tfjs').Tensor4D;
  const tensors = new Map(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape], 'float32')]),
  );
  const get = (name: string) => tensors.get(name)!;
  const conv = (x: Picture, name: string, norm: string, stride: number, pad: number): Picture => {
    const padded =
      pad === 0
        ? x
        : tf.pad(x, [
            [0, 0],
            [pad, pad],
            [pad, pad],
            [0, 0],
          ]);
    const y = tf.conv2d(padded, get(`${name}/kernel`) as Picture, stride, 'valid');
    const of = (role: string) => get(`${norm}/${role}`) as import('@tensorflow/tfjs').Tensor1D;
    return tf.batchNorm(y, of('moving_mean'), of('moving_variance'), of('beta'), of('gamma'), 1e-5);
  };
  const block = (x: Picture, name: string, stride: number): Picture => {
    const y = tf.relu(conv(x, `${name}.conv1`, `${name}.bn1`, stride, 1));
    const z = conv(y, `${name}.conv2`, `${name}.bn2`, 1, 1);
    const shortcut = tensors.has(`${name}.downsample.0/kernel`)
      ? conv(x, `${name}.downsample.0`, `${name}.downsample.1`, stride, 0)
      : x;
    return tf.relu(tf.add(z, shortcut));
  };
  return async (data, count) => {
    const logits = tf.tidy(() => {
      const input = tf.tensor4d(new Float32Array(data), [count, SIDE, SIDE, 3]);
      let x = tf.div(tf.sub(tf.div(input, 255), 0.5), 0.25) as Picture;
      x = tf.relu(conv(x, 'conv1', 'bn1', 2, 3));
      const padded = tf.pad(x, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]);
      x = tf.maxPool(padded, 3, 2, 'valid');
      for (const layer of [1, 2, 3, 4]) {
        x = block(x, `layer${layer}.0`, layer === 1 ? 1 : 2);
        x = block(x, `layer${layer}.1`, 1);
      }
      const features = tf.mean(x, [1, 2]);
      return tf.add(tf.matMul(features, get('fc/kernel')), get('fc/bias'));
    });
    const result = await logits.data();
    logits.dispose();
    return result;
  };
}

function torchStep(python: string, count: number): number {
  const script = path.join(PACKAGE_ROOT, 'bench', 'peer', 'torch_training.py');
  const printed = output(python, [script, NETWORK, String(count), 'channels_last', String(SIDE)]);
  return (JSON.parse(printed.trim().split('\n').at(-1)!) as { milliseconds: number }).milliseconds;
}

export async function trainingTfjs({ peer }: BenchContext): Promise<readonly Row[]> {
  const count = 16;
  const name = `training step, tfjs-node, ${NETWORK}, batch ${count}`;
  let runtime: TfjsRuntime;
  try {
    runtime = await loadRuntime({ device: 'cpu' });
  } catch (error) {
    return absent(name, error);
  }
  const graph = findArchitecture(NETWORK).build(1000);
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const spec: TrainSpec = {
    batchSize: count,
    loss: { kind: 'cross-entropy' },
    optimizer: { kind: 'sgd', momentum: 0.9 },
  };
  const ours = await (await createTfjsEngine({ device: 'cpu' })).trainer(model, spec);
  const plain = createTrainer({ runtime, kernels: plainKernels(runtime.tf) }, model, spec);
  const onnx = await (await createOnnxEngine({ device: 'cpu' })).trainer(model, spec);
  const targets = { classes: Array.from({ length: count }, (_, i) => i) };
  const batch = pixels(count);
  const stepOf = (trainer: Trainer) => () => timed(count, 3, () => trainer.step(batch, targets, [1e-4]));
  const peers: readonly (readonly [string, (() => number | Promise<number>) | undefined])[] = [
    ['plain TensorFlow.js operations (bar: 0.8)', stepOf(plain)],
    ['the onnx engine', stepOf(onnx)],
    [`${nameOf(peer)}, channels_last`, peerSide(peer, NETWORK, ({ python }) => torchStep(python, count))],
  ];
  const rows: Row[] = [];
  for (const [peerName, other] of peers) {
    rows.push(
      await measure({
        measure: name,
        unit: 'ms/picture',
        repeats: 2,
        peerName,
        finch: stepOf(ours),
        peer: other,
      }),
    );
  }
  for (const trainer of [ours, plain, onnx]) await trainer.dispose();
  return rows;
}
