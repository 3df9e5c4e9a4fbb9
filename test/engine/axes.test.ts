// The order of a tensor's axes: layers that only reorder channels cost what they have to in NCHW, and no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NCHW, reshapePlan } from '../../src/engine/onnx/axes.ts';
import { lowerInference } from '../../src/engine/onnx/lower-inference.ts';
import { graphBuilder, type GraphBuilder } from '../../src/graph/builder.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

/** The operators between two convolutions. */
function operatorsOf(middle: (b: GraphBuilder, from: string) => string): readonly string[] {
  const b = graphBuilder('middle', 8);
  const first = b.conv2d(b.input, 'first', { filters: 16, kernel: 3, pad: 1 });
  const last = b.conv2d(middle(b, first), 'last', { filters: 4, kernel: 3, pad: 1 });
  const graph = b.build(b.globalAveragePooling2d(last, 'mean'));
  const operators = lowerInference({ graph, weights: madeUpWeights(graph), ...HALF }).graph.nodes.map(({ op }) => op); // prettier-ignore
  return operators.slice(operators.indexOf('Conv') + 1, operators.lastIndexOf('Conv'));
}

test('a slice of channels is one operator, a shuffle is three', () => {
  assert.deepEqual(
    operatorsOf((b, x) => b.sliceChannels(x, 'slice', 4, 8)),
    ['Slice'],
  );
  assert.deepEqual(
    operatorsOf((b, x) => b.shuffleChannels(x, 'shuffle', 2)),
    ['Reshape', 'Transpose', 'Reshape'],
  );
});

test('what is best channel-last stays so: two transposes for a branch of ConvNeXt, its factors in the layer before', () => {
  const operators = operatorsOf((b, x) => {
    const y = b.activation(b.dense(b.layerNormalization(x, 'norm'), 'expand', 32), 'tanh', 'tanh');
    return b.add('sum', x, b.depthwiseConv2d(b.dense(y, 'reduce', 16), 'gamma', { kernel: 1 }));
  });
  assert.deepEqual(operators, [
    'Transpose', 'LayerNormalization', 'MatMul', 'Add', 'Tanh', 'MatMul', 'Add', 'Transpose', 'Add',
  ]); // prettier-ignore
});

test('a reshape transposes only where axes that become one are apart', () => {
  assert.deepEqual(reshapePlan(NCHW, [5, 5, 12], [5, 5, 3, 4]), {
    before: NCHW,
    sizes: [3, 4, 5, 5],
    axes: [0, 3, 4, 1, 2],
  });
  assert.deepEqual(reshapePlan(NCHW, [5, 5, 12], [300]).before, [0, 1, 2, 3]);
  assert.deepEqual(reshapePlan(NCHW, [1, 1, 12], [12]).before, NCHW);
  assert.deepEqual(reshapePlan([0, 1], [12], [1, 1, 12]), {
    before: [0, 1],
    sizes: [12, 1, 1],
    axes: NCHW,
  });
});
