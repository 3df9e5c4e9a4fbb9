// What a network puts out: which activation ends it, through which layers, and what its rows mean.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graphBuilder } from '../../src/graph/builder.ts';
import { withNewHead } from '../../src/graph/new-head.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import type { ActivationName, Graph } from '../../src/graph/layers.ts';
import {
  classProbabilities,
  labelProbabilities,
  logitsOf,
  outputOf,
  withoutActivation,
  withSigmoid,
} from '../../src/graph/output.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

/** A dense classifier of four classes with these activations behind it. */
function classifier(...activations: readonly ActivationName[]): Graph {
  const b = graphBuilder('small', 8);
  let x = b.dense(b.globalAveragePooling2d(b.input, 'pool'), 'fc', 4);
  activations.forEach((activation, i) => (x = b.activation(x, `after${i}`, activation)));
  return b.build(x);
}

const namesOf = (graph: Graph) => graph.layers.map(({ name }) => name);

describe('the final activation', () => {
  for (const [activations, expected] of [
    [[], { layer: 'fc', logits: 'fc', activation: 'none' }],
    [['softmax'], { layer: 'after0', logits: 'fc', activation: 'softmax' }],
    [['sigmoid'], { layer: 'after0', logits: 'fc', activation: 'sigmoid' }],
    [['hardSigmoid'], { layer: 'after0', logits: 'fc', activation: 'sigmoid' }],
    [['hardSigmoidTorch'], { layer: 'after0', logits: 'fc', activation: 'sigmoid' }],
    [['softmax', 'linear'], { layer: 'after1', logits: 'fc', activation: 'softmax' }],
    [['relu'], { layer: 'after0', logits: 'after0', activation: 'none' }],
  ] as const satisfies readonly (readonly [readonly ActivationName[], object])[]) {
    test(activations.join(', then ') || 'none', () =>
      assert.deepEqual(outputOf(classifier(...activations)), { ...expected, classes: 4, isBinary: false }),
    );
  }

  test('counts through a reshape of one row and a mean over places, not through one that joins several rows', () => {
    const b = graphBuilder('rows', 8);
    const vector = b.globalAveragePooling2d(b.input, 'pool');
    const row = b.activation(b.dense(vector, 'fc', 4), 'p', 'softmax');
    assert.equal(outputOf(b.build(b.reshape(row, 'out', [4, 1]))).activation, 'softmax');
    const mean = b.globalAveragePooling2d(b.activation(b.conv2d(b.input, 'head', { filters: 4, kernel: 1 }), 'q', 'softmax'), 'mean'); // prettier-ignore
    assert.equal(outputOf(b.build(mean)).activation, 'softmax');
    const places = b.activation(b.conv2d(b.input, 'conv', { filters: 4, kernel: 1 }), 'each', 'softmax');
    assert.equal(outputOf(b.build(b.reshape(places, 'joined', [256]))).activation, 'none');
  });

  test('counts through a rescaling that leaves its numbers as they are, not through another', () => {
    for (const [scale, activation] of [[1, 'softmax'], [0.5, 'none']] as const) {
      const { layers, ...graph } = classifier('softmax');
      const last = { kind: 'rescaling', name: 'last', inputs: ['after0'], scale, offset: 0 } as const;
      assert.equal(outputOf({ ...graph, layers: [...layers, last], output: 'last' }).activation, activation);
    }
  }); // prettier-ignore

  test('taken away, layers behind it take what it took', () => {
    const graph = withoutActivation(classifier('softmax', 'linear'));
    assert.deepEqual(namesOf(graph), ['input', 'pool', 'fc', 'after1']);
    assert.deepEqual(graph.layers.at(-1)!.inputs, ['fc']);
    assert.equal(outputOf(graph).activation, 'none');
    const plain = classifier();
    assert.equal(withoutActivation(plain), plain);
  });

  test('a sigmoid takes the place of a softmax, under a name that is free', () => {
    const b = graphBuilder('taken', 8);
    const fc = b.dense(b.globalAveragePooling2d(b.input, 'probabilities'), 'fc', 4);
    const graph = withSigmoid(b.build(b.activation(fc, 'softmax', 'softmax')));
    assert.deepEqual(namesOf(graph), ['input', 'probabilities', 'fc', 'probabilities_1']);
    const { layer, logits: before, activation } = outputOf(graph);
    assert.deepEqual([layer, before, activation], ['probabilities_1', 'fc', 'sigmoid']);
    assert.equal(withSigmoid(graph), graph);
  });
});

test('a network with a new head puts out logits, whatever the old one ended in', () => {
  for (const activation of ['softmax', 'sigmoid', 'linear'] as const) {
    const graph = withNewHead(classifier(activation), 'fc', 7);
    assert.equal(outputOf(graph).activation, 'none');
  }
});

test('a classifier of every place, pooled behind it, gets a head on the pooled places', () => {
  for (const kind of ['dense', 'conv2d'] as const) {
    const b = graphBuilder('places', 8);
    const conv = b.conv2d(b.input, 'conv', { filters: 5, kernel: 3 });
    const fc = kind === 'dense' ? b.dense(conv, 'fc', 4) : b.conv2d(conv, 'fc', { filters: 4, kernel: 1 });
    const pool = b.globalAveragePooling2d(b.activation(fc, 'relu', 'relu'), 'pool');
    const graph = withNewHead(b.build(b.activation(pool, 'softmax', 'softmax')), 'fc', 7);
    assert.deepEqual(namesOf(graph), ['input', 'conv', 'pool', 'fc']);
    assert.deepEqual(graph.layers.at(-1)!.inputs, ['pool']);
    assert.deepEqual(inferShapes(graph).get(graph.output), [7]);
    // With its head it is a network like any other.
    assert.deepEqual(inferShapes(withNewHead(graph, 'fc', 2)).get('fc'), [2]);
  }
});

test('a classifier whose answers go through more than a mean is refused', () => {
  const b = graphBuilder('places', 8);
  const fc = b.dense(b.input, 'fc', 4);
  const graph = b.build(b.globalAveragePooling2d(b.add('sum', fc, fc), 'pool'));
  assert.throws(() => withNewHead(graph, 'fc', 7), /'fc', a dense; finetune replaces/);
});

describe('one number', () => {
  const b = graphBuilder('binary', 8);
  const graph = b.build(b.dense(b.globalAveragePooling2d(b.input, 'pool'), 'fc', 1));

  test('is the logit of the second of two classes', () => {
    const output = outputOf(graph);
    assert.deepEqual([output.classes, output.isBinary], [2, true]);
    const p = 1 / (1 + Math.exp(-1.5));
    const row = Float32Array.of(1.5);
    assertAllClose(classProbabilities(output, row), [1 - p, p], { atol: 1e-12 });
    assert.deepEqual([...logitsOf(output, row)], [0, 1.5]);
    const ofProbabilities = logitsOf(outputOf(withSigmoid(graph)), Float32Array.of(p));
    assertAllClose(ofProbabilities, [Math.log(1 - p), Math.log(p)], { atol: 1e-6 });
  });

  test('is one label where the model has one name', () => {
    const output = outputOf(withSigmoid(graph), 1);
    assert.deepEqual([output.classes, output.isBinary], [1, false]);
    assert.deepEqual([...labelProbabilities(output, Float32Array.of(0.25))], [0.25]);
  });
});

describe('rows', () => {
  const row = Float32Array.of(1, -2, 0.5, 3);
  const [logits, softmax, sigmoid] = [[], ['softmax'], ['sigmoid']].map((activations) =>
    outputOf(classifier(...(activations as ActivationName[]))),
  ) as [ReturnType<typeof outputOf>, ReturnType<typeof outputOf>, ReturnType<typeof outputOf>];

  test('logits become probabilities; probabilities stay', () => {
    const exponentials = [...row].map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b);
    assertAllClose(
      classProbabilities(logits, row),
      exponentials.map((e) => e / sum),
      { rtol: 1e-12, atol: 0 },
    );
    assertAllClose(
      labelProbabilities(logits, row),
      [...row].map((x) => 1 / (1 + Math.exp(-x))),
      { rtol: 1e-12, atol: 0 },
    );
    const probabilities = Float32Array.of(0.1, 0.2, 0.3, 0.4);
    for (const output of [softmax, sigmoid]) {
      assert.deepEqual([...classProbabilities(output, probabilities)], [...probabilities]);
      assert.deepEqual([...labelProbabilities(output, probabilities)], [...probabilities]);
    }
  });

  test('the logits of probabilities are their logarithms, finite at zero', () => {
    assert.equal(logitsOf(logits, row), row);
    const found = logitsOf(softmax, Float32Array.of(0, 0.5, 1, 0.25));
    assertAllClose(found, [Math.log(1.2e-38), Math.log(0.5), 0, Math.log(0.25)], { rtol: 1e-6, atol: 0 });
  });
});
