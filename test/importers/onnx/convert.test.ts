// Foreign networks in finch's layers: small graphs of each operator and form, run by plain onnxruntime and by finch; and what finch has
// no layers for is named.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConvertedOnnx } from '../../../src/importers/onnx/convert.ts';
import {
  convert,
  converted,
  f,
  floats,
  index,
  int64s,
  scalar,
  type Write,
  type Writer,
  type Written,
} from '../../helpers/onnx-network.ts';

const kindsOf = ({ graph }: ConvertedOnnx) => graph.layers.map((layer) => layer.kind);

/** A convolution to six channels, so that channels, rows and columns differ. */
const six: Write = (w, x) => w.add('Conv', [x, [6, 3, 1, 2]]);
/** Means of the places: how every case becomes a vector. */
const mean: Write = (w, x) => w.add('Flatten', [w.add('GlobalAveragePool', [x])]);
/** A number for each place that counts: nothing may be moved unseen. */
const flat: Write = (w, x) => w.add('Gemm', [w.add('Flatten', [x]), [6 * 8 * 7, 4], [4]]);

describe('one operator', () => {
  const CASES: Readonly<Record<string, Write>> = {
    'Conv with a stride, pads of each side and a bias': (w, x) => mean(w, w.add('Conv', [x, [5, 3, 3, 2], [5]], { strides: [2, 1], pads: [0, 1, 2, 0] })),
    'Conv with dilation': (w, x) => mean(w, w.add('Conv', [x, [5, 3, 3, 3]], { dilations: [2, 1], pads: [2, 1, 2, 1] })),
    'Conv in groups': (w, x) => mean(w, w.add('Conv', [six(w, x), [4, 3, 1, 1]], { group: 2 })),
    'Conv depthwise': (w, x) => mean(w, w.add('Conv', [six(w, x), [6, 1, 3, 3], [6]], { group: 6, pads: [1, 1, 1, 1] })),
    'Conv depthwise with two filters each': (w, x) => mean(w, w.add('Conv', [x, [6, 1, 3, 3]], { group: 3 })),
    'Conv with SAME_UPPER': (w, x) => mean(w, w.add('Conv', [x, [5, 3, 3, 3]], { auto_pad: 'SAME_UPPER', strides: [2, 2] })),
    'BatchNormalization': (w, x) => mean(w, w.add('BatchNormalization', [x, [3], [3], [3], floats([3], [0.5, 1, 2])], { epsilon: f(1e-3) })),
    'MaxPool with pads, of what may be negative': (w, x) => mean(w, w.add('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })),
    'MaxPool with ceil_mode': (w, x) => mean(w, w.add('MaxPool', [w.add('Relu', [x])], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 })),
    'AveragePool': (w, x) => flat(w, w.add('AveragePool', [six(w, x)], { kernel_shape: [1, 1] })),
    'AveragePool that counts its pads': (w, x) => mean(w, w.add('AveragePool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 })),
    'AveragePool that does not': (w, x) => mean(w, w.add('AveragePool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })),
    'AveragePool of the whole picture': (w, x) => w.add('Flatten', [w.add('AveragePool', [x], { kernel_shape: [8, 8] })]),
    'AveragePool with a ceil_mode that changes nothing': (w, x) => mean(w, w.add('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 })),
    'GlobalMaxPool': (w, x) => w.add('Flatten', [w.add('GlobalMaxPool', [x])]),
    'ReduceMean': (w, x) => w.add('ReduceMean', [six(w, x)], { axes: [-1, 2], keepdims: 0 }),
    'ReduceMean of places in a row': (w, x) => w.add('ReduceMean', [w.add('Reshape', [six(w, x), int64s(0, 6, -1)])], { axes: [2], keepdims: 0 }),
    'Gemm with factors': (w, x) => w.add('Gemm', [mean(w, x), [3, 5], [5]], { alpha: f(0.5), beta: f(2) }),
    'Gemm turned, of a flattened picture': (w, x) => w.add('Gemm', [w.add('Flatten', [six(w, x)]), [4, 6 * 8 * 7]], { transB: 1 }),
    'MatMul and Add': (w, x) => w.add('Add', [[5], w.add('MatMul', [mean(w, x), [3, 5]])]),
    'MatMul over the channels of places': (w, x) => mean(w, w.add('Transpose', [w.add('MatMul', [w.add('Transpose', [six(w, x)], { perm: [0, 2, 3, 1] }), [6, 5]])], { perm: [0, 3, 1, 2] })),
    'Relu': (w, x) => mean(w, w.add('Relu', [x])),
    'LeakyRelu': (w, x) => mean(w, w.add('LeakyRelu', [x], { alpha: f(0.2) })),
    'PRelu': (w, x) => mean(w, w.add('PRelu', [x, [3, 1, 1]])),
    'PRelu of one slope': (w, x) => mean(w, w.add('PRelu', [x, [1]])),
    'Clip': (w, x) => mean(w, w.add('Clip', [w.add('Mul', [x, scalar(5)]), scalar(0), scalar(6)])),
    'Elu': (w, x) => mean(w, w.add('Elu', [x], { alpha: f(0.7) })),
    'Tanh': (w, x) => mean(w, w.add('Tanh', [x])),
    'Sigmoid': (w, x) => mean(w, w.add('Sigmoid', [x])),
    'HardSigmoid': (w, x) => mean(w, w.add('HardSigmoid', [x])),
    'HardSwish': (w, x) => mean(w, w.add('HardSwish', [x])),
    'Softmax': (w, x) => w.add('Softmax', [mean(w, x)], { axis: 1 }),
    'LayerNormalization over the last axis': (w, x) => flat(w, w.add('Transpose', [w.add('LayerNormalization', [w.add('Transpose', [six(w, x)], { perm: [0, 2, 3, 1] }), [6], [6]], { epsilon: f(1e-3) })], { perm: [0, 3, 1, 2] })),
    'Add of two': (w, x) => flat(w, w.add('Add', [six(w, x), w.add('Conv', [x, [6, 3, 1, 2]])])),
    'Sub of two': (w, x) => flat(w, w.add('Sub', [six(w, x), w.add('Conv', [x, [6, 3, 1, 2]])])),
    'Add of a number a channel': (w, x) => flat(w, w.add('Add', [[1, 6, 1, 1], six(w, x)])),
    'Sub from a number a channel': (w, x) => flat(w, w.add('Sub', [[6, 1, 1], six(w, x)])),
    'Div by a number a channel': (w, x) => flat(w, w.add('Div', [six(w, x), floats([6, 1, 1], [1, 2, 3, 4, 5, 6])])),
    'Mul of a number a channel on a vector': (w, x) => w.add('Gemm', [w.add('Mul', [mean(w, x), [3]]), [3, 2]]),
    'Add and Div of numbers': (w, x) => flat(w, w.add('Div', [w.add('Add', [six(w, x), scalar(2)]), scalar(3)])),
    'Mul as a gate': (w, x) => flat(w, w.add('Mul', [w.add('Sigmoid', [w.add('Conv', [w.add('GlobalAveragePool', [six(w, x)]), [6, 6, 1, 1], [6]])]), six(w, x)])),
    'Concat of channels': (w, x) => mean(w, w.add('Concat', [six(w, x), w.add('Conv', [x, [2, 3, 1, 2]])], { axis: 1 })),
    'Concat of rows': (w, x) => w.add('Gemm', [w.add('Flatten', [w.add('Concat', [x, w.add('Relu', [x])], { axis: 2 })]), [3 * 16 * 8, 3]]),
    'Split': (w, x) => { const a = w.add('Split', [six(w, x), int64s(2, 4)], { axis: 1 }, 2); return mean(w, w.add('Concat', [`${a}.1`, a], { axis: -3 })); },
    'Slice of channels': (w, x) => mean(w, w.add('Slice', [six(w, x), int64s(2), int64s(5), int64s(1)])),
    'Slice of rows and columns': (w, x) => mean(w, w.add('Slice', [six(w, x), int64s(1, -3), int64s(100, -1), int64s(2, 3)])),
    'Slice of a vector': (w, x) => w.add('Slice', [mean(w, six(w, x)), int64s(1), int64s(4), int64s(1)]),
    'Pad': (w, x) => w.add('Gemm', [w.add('Flatten', [w.add('Pad', [x, int64s(0, 0, 1, 2, 0, 0, 3, 0)])]), [3 * 12 * 10, 3]]),
    'shuffled channels': (w, x) => flat(w, w.add('Reshape', [w.add('Transpose', [w.add('Reshape', [six(w, x), int64s(-1, 2, 3, 8, 7)])], { perm: [0, 2, 1, 3, 4] }), int64s(-1, 6, 8, 7)])),
    'Squeeze and Unsqueeze': (w, x) => w.add('Squeeze', [w.add('Unsqueeze', [w.add('Squeeze', [w.add('GlobalAveragePool', [x]), int64s(2, 3)]), int64s(1, 3)]), int64s(-1, 1)]),
    'Dropout and Identity': (w, x) => mean(w, w.add('Identity', [w.add('Dropout', [x])])),
    'Cast to float': (w, x) => mean(w, w.add('Cast', [x], { to: 1 })),
  }; // prettier-ignore
  for (const [what, write] of Object.entries(CASES)) {
    test(what, async () => {
      await converted(write);
    });
  }
});

describe('forms that exporters write out', () => {
  const clipped = (w: Writer, x: string) =>
    w.add('Clip', [w.add('Add', [x, scalar(3)]), scalar(0), scalar(6)]);
  const erf = (w: Writer, x: string) => w.add('Add', [w.add('Erf', [w.add('Div', [x, scalar(Math.SQRT2)])]), scalar(1)]); // prettier-ignore
  const centred = (w: Writer, x: string, axis: number) => w.add('Sub', [x, w.add('ReduceMean', [x], { axes: [axis] })]); // prettier-ignore
  const normalized = (w: Writer, x: string, axis: number) => {
    const difference = centred(w, x, axis);
    const variance = w.add('ReduceMean', [w.add('Pow', [difference, scalar(2)])], { axes: [axis] });
    return w.add('Div', [difference, w.add('Sqrt', [w.add('Add', [variance, scalar(1e-3)])])]);
  };
  const CASES: Readonly<Record<string, readonly [Write, readonly string[]]>> = {
    'GELU': [(w, x) => w.add('Mul', [w.add('Mul', [x, erf(w, x)]), scalar(0.5)]), ['gelu']],
    'GELU halved first': [(w, x) => w.add('Mul', [w.add('Mul', [x, scalar(0.5)]), erf(w, x)]), ['gelu']],
    'hard swish': [(w, x) => w.add('Div', [w.add('Mul', [x, clipped(w, x)]), scalar(6)]), ['hardSwish']],
    'hard swish of a hard sigmoid': [(w, x) => w.add('Mul', [w.add('HardSigmoid', [x], { alpha: f(1 / 6) }), x]), ['hardSwish']],
    'hard sigmoid': [(w, x) => w.add('Div', [clipped(w, x), scalar(6)]), ['hardSigmoidTorch']],
    'SiLU': [(w, x) => w.add('Mul', [x, w.add('Sigmoid', [x])]), ['swish']],
    'layer norm': [(w, x) => w.add('Add', [w.add('Mul', [normalized(w, x, 1), [3, 1, 1]]), [3, 1, 1]]), ['layerNormalization']],
    'layer norm without weights': [(w, x) => normalized(w, x, 1), ['layerNormalization']],
  }; // prettier-ignore
  for (const [what, [write, expected]] of Object.entries(CASES)) {
    test(what, async () => {
      const result = await converted((w, x) => mean(w, write(w, x)));
      const layers = result.graph.layers.flatMap((layer) => (layer.kind === 'activation' ? layer.activation : layer.kind)); // prettier-ignore
      assert.deepEqual(layers, ['input', ...expected, 'globalAveragePooling2d']);
    });
  }

  test('what only looks like one is computed as it is', async () => {
    const result = await converted((w, x) =>
      mean(w, w.add('Mul', [w.add('Relu', [x]), w.add('Sigmoid', [x])])),
    );
    assert.deepEqual(kindsOf(result), ['input', 'activation', 'activation', 'multiply', 'globalAveragePooling2d']); // prettier-ignore
  });
});

describe('shapes that the file computes', () => {
  /** [N, -1] of the batch. */
  const batchAndRest = (w: Writer, x: string) => {
    const batch = w.add('Gather', [w.add('Shape', [x]), index(0)], { axis: 0 });
    return w.add('Concat', [w.add('Unsqueeze', [batch, int64s(0)]), int64s(-1)], { axis: 0 });
  };

  test('a flatten by the size of the batch', async () => {
    const result = await converted((w, x) => w.add('Gemm', [w.add('Reshape', [six(w, x), batchAndRest(w, x)]), [336, 4], [4]])); // prettier-ignore
    assert.deepEqual(kindsOf(result), ['input', 'conv2d', 'flatten', 'dense']);
    assert.equal(result.classifier, result.graph.output);
  });

  test('a shuffle by sizes that are divided', async () => {
    await converted((w, x) => {
      const y = six(w, x);
      const sizes = Array.from({ length: 4 }, (_, axis) => w.add('Gather', [w.add('Shape', [y]), index(axis)], { axis: 0 })); // prettier-ignore
      const one = (name: string) => w.add('Unsqueeze', [name, int64s(0)]);
      const half = w.add('Cast', [w.add('Floor', [w.add('Cast', [w.add('Div', [sizes[1]!, index(2)])], { to: 1 })])], { to: 7 }); // prettier-ignore
      const to = w.add('Concat', [one(sizes[0]!), int64s(2), one(half), one(sizes[2]!), one(sizes[3]!)], { axis: 0 }); // prettier-ignore
      const split = w.add('Transpose', [w.add('Reshape', [y, to])], { perm: [0, 2, 1, 3, 4] });
      return flat(w, w.add('Reshape', [split, w.add('Concat', sizes.map(one), { axis: 0 })]));
    });
  });

  test('an expand that changes nothing, as torch writes it', async () => {
    await converted((w, x) => {
      const shape = w.add('Shape', [x]);
      const ones = w.add('Expand', [index(1), int64s(4)]);
      const isOpen = w.add('Equal', [int64s(-1, 3, 8, 8), w.add('Mul', [ones, index(-1)])]);
      return mean(w, w.add('Expand', [x, w.add('Where', [isOpen, shape, int64s(-1, 3, 8, 8)])]));
    });
  });

  test('a view of the numbers of a batch by their places', async () => {
    /** Places of [N,6,8,7], counted from `first`. */
    const viewed =
      (first: number): Write =>
      (w, x) => {
        const batch = w.add('Squeeze', [w.add('Shape', [x], { start: 0, end: 1 })]);
        const pictures = w.add('Mul', [w.add('Range', [index(0), batch, index(1)]), index(336)]);
        const places = w.add('Reshape', [w.add('Range', [index(first), index(first + 336), index(1)]), int64s(1, 6, 8, 7)]); // prettier-ignore
        const all = w.add('Add', [w.add('Unsqueeze', [pictures, int64s(1, 2, 3)]), places]);
        return flat(w, w.add('Gather', [w.add('Reshape', [six(w, x), int64s(-1)]), all]));
      };
    assert.deepEqual(kindsOf(await converted(viewed(0))), ['input', 'conv2d', 'flatten', 'dense']);
    assert.equal((await convert(viewed(-1))).kind, 'opaque');
  });

  test('a batch of one size', async () => {
    await converted((w, x) => w.add('Gemm', [w.add('Reshape', [six(w, x), int64s(2, 336)]), [336, 4]]), { batch: 2 }); // prettier-ignore
  });

  test('weights that are turned and scaled', async () => {
    await converted((w, x) => w.add('MatMul', [mean(w, x), w.add('Transpose', [w.add('Mul', [[4, 3], [4, 1]])], { perm: [1, 0] })])); // prettier-ignore
  });
});

test('older operators', async () => {
  await converted((w, x) => mean(w, w.add('Clip', [x], { min: f(0), max: f(6) })), { opset: 10 });
  await converted((w, x) => w.add('Squeeze', [w.add('GlobalAveragePool', [x])], { axes: [2, 3] }), { opset: 11 }); // prettier-ignore
  await converted((w, x) => mean(w, w.add('Slice', [x], { starts: [1], ends: [3], axes: [1] })), {
    opset: 9,
  });
  await converted((w, x) => mean(w, w.add('Pad', [x], { pads: [0, 0, 1, 1, 0, 0, 1, 1] })), { opset: 10 });
  await converted((w, x) => w.add('Softmax', [mean(w, x)]), { opset: 11 });
});

test('channels last', async () => {
  const first: Write = (w, x) => w.add('Transpose', [x], { perm: [0, 3, 1, 2] });
  assert.deepEqual(kindsOf(await converted((w, x) => mean(w, six(w, first(w, x))), { isLast: true })), ['input', 'conv2d', 'globalAveragePooling2d']); // prettier-ignore
  await converted((w, x) => w.add('ReduceMean', [w.add('MatMul', [x, [3, 4]])], { axes: [1, 2], keepdims: 0 }), { isLast: true }); // prettier-ignore
});

describe('the classifier', () => {
  test('is the last layer with weights before the output', async () => {
    const named = async (write: Write) => (await converted(write)).classifier;
    assert.equal(await named((w, x) => w.add('Softmax', [w.add('Gemm', [mean(w, x), [3, 5]])])), 't2');
    assert.equal(await named((w, x) => w.add('Gemm', [w.add('Flatten', [w.add('Conv', [w.add('GlobalAveragePool', [x]), [6, 3, 1, 1]])]), [6, 2]])), 't3'); // prettier-ignore
    assert.equal(await named((w, x) => mean(w, w.add('Relu', [w.add('Conv', [x, [6, 3, 1, 1]])]))), 't0');
    assert.equal(await named(mean), undefined);
  });

  test('that is a convolution of one place is a dense layer', async () => {
    const { graph, classifier } = await converted((w, x) => w.add('Flatten', [w.add('Conv', [w.add('GlobalAveragePool', [x]), [5, 3, 1, 1], [5]])])); // prettier-ignore
    assert.equal(graph.layers.find(({ name }) => name === classifier)?.kind, 'dense');
  });
});

describe('what finch has no layers for', () => {
  const reasons = async (write: Write, written?: Written) => {
    const result = await convert(write, written);
    assert.ok(result.kind === 'opaque', 'converted');
    return result.reasons;
  };

  test('is named, each once', async () => {
    const two: Write = (w, x) => mean(w, w.add('Einsum', [w.add('Ceil', [w.add('Ceil', [x])])], { equation: 'nchw->nchw' })); // prettier-ignore
    assert.deepEqual(await reasons(two), ['Ceil']);
    assert.deepEqual(await reasons((w, x) => w.add('MatMul', [mean(w, x), w.add('Transpose', [mean(w, x)])])), ['Transpose that moves the batch']); // prettier-ignore
    assert.deepEqual(await reasons((w, x) => mean(w, w.add('Conv', [x, w.add('Relu', [x])]))), ['Conv with weights that depend on the picture']); // prettier-ignore
    assert.deepEqual(await reasons((w, x) => mean(w, w.add('Add', [x, [3, 8, 8]]))), ['Add of a number for each place']); // prettier-ignore
    assert.deepEqual(await reasons((w, x) => mean(w, w.add('Clip', [x, scalar(-1), scalar(1)]))), ['Clip to -1..1']); // prettier-ignore
    assert.deepEqual(await reasons((w, x) => w.add('Reshape', [x, int64s(-1, 8)])), ['Reshape that joins pictures of a batch']); // prettier-ignore
    assert.deepEqual(await reasons((_w, x) => x), ['an output of 4 axes']);
    assert.deepEqual(await reasons((w, x) => mean(w, w.add('Conv', [x, [5, 4, 1, 1]]))), ['Conv of 3 channels with weights for 4']); // prettier-ignore
    assert.deepEqual(await reasons((w) => w.add('Relu', [[1, 4]])), ['Relu of constants']);
    assert.match((await reasons((w, x) => mean(w, w.add('Conv', [x, [5, 3, 9, 9]]))))[0]!, /Conv|GlobalAveragePool: layer/); // prettier-ignore
  });

  test('weights that are not numbers are an error', async () => {
    const isNaN: Write = (w, x) => mean(w, w.add('Conv', [x, floats([1, 3, 1, 1], [1, Number.NaN, 1])]));
    await assert.rejects(convert(isNaN), /small: 't0\/kernel' holds 1 of 3 numbers that are NaN/);
    await assert.rejects(convert((w, x) => mean(w, w.add('Div', [x, scalar(0)]))), /small: 't0' holds 1 of 2 numbers that are infinite/); // prettier-ignore
    await assert.rejects(convert((w, x) => mean(w, w.add('Elu', [x], { alpha: f(Number.NaN) }))), /numbers that are NaN/); // prettier-ignore
  });
});
