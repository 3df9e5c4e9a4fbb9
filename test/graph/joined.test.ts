// joined.test.ts: the graph of two networks that see the same picture.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphBuilder } from '../../src/graph/builder.ts';
import { joinNetworks } from '../../src/graph/joined.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import type { Rgb } from '../../src/util/preprocessing.ts';

const HALF = { mean: [0.5, 0.5, 0.5] as Rgb, std: [0.5, 0.5, 0.5] as Rgb };
const OTHER = { mean: [0.4, 0.5, 0.6] as Rgb, std: [0.2, 0.25, 0.3] as Rgb };
const NO_WEIGHTS: Weights = new Map();

function small(filters: number): Graph {
  const b = graphBuilder('small', 8);
  const x = b.activation(b.conv2d(b.input, 'normalization', { filters, kernel: 3 }), 'relu', 'relu');
  return b.build(b.dense(b.globalAveragePooling2d(x, 'pool'), 'fc', 5));
}

test('both vectors, one behind the other; a layer between statistics has a name of its own', () => {
  const [first, second] = [small(4), small(6)];
  const joined = joinNetworks({ graph: first, embedding: 'pool', ...HALF }, { graph: second, embedding: 'pool', ...OTHER }); // prettier-ignore
  const names = joined.graph.layers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(!names.includes('fc') && !names.includes('second.fc'));
  const shapes = inferShapes(joined.graph);
  const head = joined.graph.layers.find(({ name }) => name === joined.classifier)!;
  assert.deepEqual(shapes.get(head.inputs[0]!), [10]);
  const weights = joined.weights(NO_WEIGHTS, NO_WEIGHTS);
  // (x - 0.5) / 0.5 of the first network becomes (x - 0.4) / 0.2 of the second one.
  const of = (role: string) => [...weights].find(([name]) => name.startsWith('second.norm') && name.endsWith(role))![1].data; // prettier-ignore
  for (const [channel, x] of [0.1, 0.7, 0.9].entries()) {
    const value = ((x - 0.5) / 0.5 - of('mean')[channel]!) / Math.sqrt(of('variance')[channel]!);
    assert.ok(Math.abs(value - (x - OTHER.mean[channel]!) / OTHER.std[channel]!) < 1e-6);
  }
});

test('alike statistics need no layer, and a third network has names of its own', () => {
  const part = { graph: small(4), embedding: 'pool', ...HALF };
  const two = joinNetworks(part, part);
  assert.ok(two.graph.layers.every(({ kind }) => kind !== 'batchNormalization'));
  const embedding = two.graph.layers.find(({ name }) => name === two.classifier)!.inputs[0]!;
  const three = joinNetworks({ graph: two.graph, embedding, ...HALF }, part);
  const kinds = three.graph.layers.filter(({ kind }) => kind === 'conv2d').map(({ name }) => name);
  assert.deepEqual(kinds, ['normalization', 'second.normalization', 'second_2.normalization']);
});
