// Shape inference: what fits, and what is said of what does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Layer } from '../../src/graph/layers.ts';
import { inferShapes, samePadding } from '../../src/graph/shapes.ts';
import type { AppError } from '../../src/util/errors.ts';

test('padding by the same rule gives ceil(size / stride) outputs, the odd zero behind', () => {
  const small = fc.integer({ min: 1, max: 7 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      small,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      (length, window, stride, dilation) => {
        const [before, after] = samePadding(length, window, stride, dilation);
        assert.ok(after === before || after === before + 1);
        const span = dilation * (window - 1) + 1;
        const outputs = Math.floor((length + before + after - span) / stride) + 1;
        // A stride longer than the window leaves pixels out without any padding.
        assert.ok(outputs >= Math.ceil(length / stride));
        if (before + after > 0) assert.equal(outputs, Math.ceil(length / stride));
      },
    ),
  );
});

function graphOf(...layers: readonly Layer[]): Graph {
  const graph = graphBuilder('g', 8).build(layers.at(-1)!.name);
  return { ...graph, layers: [...graph.layers, ...layers] };
}

const window = { strides: [1, 1], dilation: [1, 1], padding: 'valid', useBias: false } as const;

for (const [what, graph, message] of [
  [
    'an input that does not exist',
    graphOf({ kind: 'flatten', name: 'f', inputs: ['nothing'] }),
    /layer 'f' \(flatten\) takes 'nothing', which no layer before it is called/,
  ],
  [
    'a window larger than the picture',
    graphOf({ kind: 'conv2d', name: 'c', inputs: ['input'], filters: 1, kernelSize: [9, 9], ...window }),
    /'c' \(conv2d\) would put out \[0,0,1\]; its input is too small/,
  ],
  [
    'a picture where none is',
    graphOf(
      { kind: 'flatten', name: 'f', inputs: ['input'] },
      { kind: 'globalMaxPooling2d', name: 'g', inputs: ['f'] },
    ),
    /takes a picture \[H,W,C\], received \[192\]/,
  ],
  [
    'an impossible reshape',
    graphOf({ kind: 'reshape', name: 'r', inputs: ['input'], shape: [5, -1] }),
    /cannot turn \[8,8,3\]/,
  ],
  [
    'a permute that names an axis twice',
    graphOf({ kind: 'permute', name: 'p', inputs: ['input'], dims: [1, 1, 2] }),
    /cannot put the axes of \[8,8,3\] in the order \[1,1,2\]/,
  ],
  [
    'a crop of more than there is',
    graphOf({
      kind: 'cropping2d',
      name: 'c',
      inputs: ['input'],
      crop: { top: 4, bottom: 4, left: 0, right: 0 },
    }),
    /'c' \(cropping2d\) would put out \[0,8,3\]/,
  ],
  [
    'a name that stands twice',
    graphOf(
      { kind: 'flatten', name: 'f', inputs: ['input'] },
      { kind: 'flatten', name: 'f', inputs: ['input'] },
    ),
    /stands twice/,
  ],
  [
    'a sum of different shapes',
    graphOf(
      { kind: 'flatten', name: 'f', inputs: ['input'] },
      { kind: 'add', name: 'a', inputs: ['input', 'f'] },
    ),
    /cannot combine \[8,8,3\] with \[192\]/,
  ],
] as const) {
  test(what, () => assert.throws(() => inferShapes(graph), message));
}

test('another size is refused where weights are for the own one, and taken where they are not', () => {
  const flat = graphOf(
    { kind: 'flatten', name: 'flat', inputs: ['input'] },
    { kind: 'dense', name: 'fc', inputs: ['flat'], units: 2, useBias: true },
  );
  assert.deepEqual(inferShapes(flat, [8, 8, 3]).get('fc'), [2]);
  assert.throws(() => inferShapes(flat, [6, 6, 3]), (error: AppError) => {
    assert.match(
      error.message,
      /^g takes pictures of 8x8 only, received 6x6: layer 'fc' \(dense\) has weights for 192 numbers and would get 108\./,
    );
    return error.code === 'MODEL_UNSUPPORTED';
  }); // prettier-ignore
  const reshaped = graphOf({ kind: 'reshape', name: 'row', inputs: ['input'], shape: [192] });
  const cropped = graphOf({ kind: 'cropping2d', name: 'middle', inputs: ['input'], crop: { top: 3, bottom: 3, left: 0, right: 0 } }); // prettier-ignore
  for (const [graph, says] of [
    [
      reshaped,
      /: g takes pictures of 8x8 and cannot take 6x6: layer 'row' .* Leave the size as the model has it$/,
    ],
    [
      cropped,
      /: g takes pictures of 8x8 and cannot take 6x6: layer 'middle' .* Leave the size as the model has it$/,
    ],
  ] as const) {
    assert.deepEqual(inferShapes(graph, [8, 8, 3]), inferShapes(graph));
    assert.throws(() => inferShapes(graph, [6, 6, 3]), says);
  }
  const pooled = graphOf(
    { kind: 'globalAveragePooling2d', name: 'pool', inputs: ['input'] },
    { kind: 'dense', name: 'fc', inputs: ['pool'], units: 2, useBias: true },
  );
  assert.deepEqual(inferShapes(pooled, [6, 6, 3]).get('fc'), [2]);
});
