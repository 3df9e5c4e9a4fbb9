// new-head.test.ts: a new classifier is the network's output, whatever came behind the old one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Layer } from '../../src/graph/layers.ts';
import { withNewHead } from '../../src/graph/new-head.ts';
import { outputOf } from '../../src/graph/output.ts';

type Activation = Extract<Layer, { kind: 'activation' }>['activation'];

const activation = (name: string, of: string, what: Activation): Layer => ({
  kind: 'activation',
  name,
  inputs: [of],
  activation: what,
});

const ENDINGS: Readonly<Record<string, readonly Layer[]>> = {
  nothing: [],
  'a relu': [activation('a', 'fc', 'relu')],
  'a hard sigmoid': [activation('a', 'fc', 'hardSigmoid')],
  'two softmaxes': [activation('a', 'fc', 'softmax'), activation('b', 'a', 'softmax')],
  'a softmax and a reshape to the old classes': [
    activation('a', 'fc', 'softmax'),
    { kind: 'reshape', name: 'r', inputs: ['a'], shape: [5] },
  ],
};

for (const [what, behind] of Object.entries(ENDINGS)) {
  test(`a new head in the place of a classifier with ${what} behind it`, () => {
    const b = graphBuilder('base', 8);
    const plain = b.build(b.dense(b.globalAveragePooling2d(b.input, 'pool'), 'fc', 5));
    const base = { ...plain, layers: [...plain.layers, ...behind], output: behind.at(-1)?.name ?? 'fc' };
    const graph = withNewHead(base, 'fc', 3);
    const { layer, activation: final, classes } = outputOf(graph);
    assert.deepEqual({ layer, final, classes }, { layer: 'fc', final: 'none', classes: 3 });
    assert.deepEqual(
      graph.layers.map(({ name }) => name),
      plain.layers.map(({ name }) => name),
    );
  });
}
