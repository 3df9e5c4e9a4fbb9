// Layers, inputs, outputs and variables of an ONNX graph have name spaces of their own: no layer's name gets in the way of another.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Emitter } from '../../src/engine/onnx/emitter.ts';
import { exportOnnx, runOnnxFile } from '../../src/engine/onnx/export.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Layer, Weights } from '../../src/graph/layers.ts';
import { withSigmoid } from '../../src/graph/output.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIZE = 12;

/** A layer of every kind that names more than one tensor. */
function plainGraph(): Graph {
  const b = graphBuilder('plain', SIZE);
  let x = b.conv2d(b.input, 'conv', { filters: 8, kernel: 3, pad: 1, bias: true });
  x = b.activation(b.batchNormalization(x, 'bn'), 'relu', 'relu');
  const y = b.conv2d(x, 'branch', { filters: 8, kernel: 1 });
  x = b.add('sum', x, y, x);
  x = b.dense(x, 'places', 8);
  return b.build(b.dense(b.globalAveragePooling2d(x, 'pool'), 'fc', 4));
}

/** Names that a lowering has uses of its own for. */
const UNLUCKY: Readonly<Record<string, string>> = {
  input: 'pixels',
  'conv.pad': '#0.Transpose',
  conv: 'a',
  bn: 'a/W',
  relu: 'a:out',
  branch: 'output0',
  sum: 'loss',
  places: 'logits',
  pool: 'finished',
  fc: 'probabilities',
};

function renamed(graph: Graph, weights: Weights): { readonly graph: Graph; readonly weights: Weights } {
  const name = (old: string) => UNLUCKY[old] ?? old;
  const layers = graph.layers.map(
    (layer) => ({ ...layer, name: name(layer.name), inputs: layer.inputs.map(name) }) as unknown as Layer,
  );
  return {
    graph: { ...graph, layers, input: name(graph.input), output: name(graph.output) },
    weights: new Map(
      [...weights].map(([key, weight]) => {
        const at = key.lastIndexOf('/');
        return [`${name(key.slice(0, at))}${key.slice(at)}`, weight];
      }),
    ),
  };
}

const plain = plainGraph();
const weights = madeUpWeights(plain);
const unlucky = renamed(plain, weights);
const batch = { data: madeUpPixels('names', SIZE, SIZE), count: 1, height: SIZE, width: SIZE };

describe('unlucky names', () => {
  test('change nothing at inference, whichever layers are asked for', async () => {
    const engine = await createOnnxEngine({ device: 'cpu' });
    const run = async (graph: Graph, own: Weights, outputs: readonly string[]) => {
      const predictor = await engine.load({ graph, weights: own, ...HALF }, { outputs });
      const results = await predictor.run(batch);
      await predictor.dispose();
      return results.map(({ data }) => [...data]);
    };
    const outputs = ['fc', 'conv.pad', 'relu', 'sum'];
    const expected = await run(plain, weights, outputs);
    const unluckyOutputs = outputs.map((name) => UNLUCKY[name] ?? name);
    assert.deepEqual(await run(unlucky.graph, unlucky.weights, unluckyOutputs), expected);
  });

  for (const trainFrom of [undefined, 'places']) {
    test(`change nothing in a training step from ${trainFrom ?? 'the first layer'}`, async () => {
      const engine = await createOnnxEngine({ device: 'cpu' });
      const step = async (graph: Graph, own: Weights, from: string | undefined) => {
        const trainer = await engine.trainer(
          { graph, weights: own, ...HALF },
          {
            batchSize: 1,
            loss: { kind: 'cross-entropy' },
            optimizer: { kind: 'sgd', momentum: 0.9 },
            ...(from !== undefined && { trainFrom: from }),
          },
        );
        const { loss } = await trainer.step(batch, { classes: [1] }, [0.1]);
        const moved = await trainer.weights();
        await trainer.dispose();
        return [loss, ...[...moved.values()].map(({ data }) => [...data])];
      };
      const from = trainFrom === undefined ? undefined : UNLUCKY[trainFrom];
      assert.deepEqual(
        await step(unlucky.graph, unlucky.weights, from),
        await step(plain, weights, trainFrom),
      );
    });
  }
});

describe('exported files', () => {
  let scratch = '';
  before(async () => (scratch = await mkdtemp(path.join(tmpdir(), 'finch-names-'))));
  after(() => rm(scratch, { recursive: true, force: true }));

  for (const [what, graph, own, output] of [
    ['of several labels', withSigmoid(plain), weights, 'probabilities'],
    ['with a layer called logits', unlucky.graph, unlucky.weights, 'logits'],
    ['whose output layer is called as the output', unlucky.graph, unlucky.weights, 'probabilities'],
  ] as const) {
    test(`${what}: onnxruntime opens them`, async () => {
      const file = path.join(scratch, `${what}.onnx`);
      const model = { graph, weights: own, ...HALF };
      await writeFile(file, exportOnnx(model, { size: [SIZE, SIZE], output, metadata: {} }));
      assert.equal((await runOnnxFile(file, batch)).length, 4);
    });
  }
});

test('the emitter refuses a second tensor of one name', () => {
  const emitter = new Emitter();
  emitter.declare('x');
  emitter.emit('Relu', ['x'], undefined, { name: 'y' });
  for (const name of ['x', 'y']) {
    assert.throws(() => emitter.emit('Relu', ['x'], undefined, { name }), /two tensors .* called '[xy]'/);
  }
});
