// Foreign networks that nobody would export: what asks for much time or memory, or is put together wrongly, is told as a reason or in one
// line, and nothing else is thrown.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { convert, converted, f, floats, index, int64s, type Write } from '../../helpers/onnx-network.ts';

const mean: Write = (w, x) => w.add('Flatten', [w.add('GlobalAveragePool', [x])]);

async function reasons(write: Write): Promise<readonly string[]> {
  const result = await convert(write);
  assert.ok(result.kind === 'opaque', 'converted');
  return result.reasons;
}

test('long names that begin alike', async () => {
  const result = await converted((w, x) => {
    const name = 'module.'.repeat(30);
    for (const part of ['a', 'b', 'c']) {
      x = w.add('Conv', [x, [3, 3, 1, 1]]);
      w.nodes.push({ ...w.nodes.pop()!, name: `${name}${part}` });
    }
    return mean(w, x);
  });
  const names = result.graph.layers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => name.length < 110));
});

describe('constants', () => {
  /** The numbers of a constant are added to the picture, so that they are needed. */
  const needing =
    (write: Write): Write =>
    (w, x) =>
      mean(w, w.add('Add', [x, write(w, x)]));
  const CASES: Readonly<Record<string, readonly [Write, RegExp]>> = {
    'of less than no numbers': [(w) => w.add('ConstantOfShape', [int64s(-5)]), /^makes a constant of an impossible size$/],
    'expanded to less than nothing': [(w) => w.add('Expand', [[1], int64s(-5)]), /^makes a constant of an impossible size$/],
    'expanded to two such sizes': [(w) => w.add('Expand', [[1], int64s(-1, -5)]), /^Expand of shapes that do not fit$/],
    'of no numbers, a million million times': [(w) => w.add('Concat', [floats([1e12, 0], []), floats([1e12, 0], [])], { axis: 1 }), /^Concat of shapes that do not fit$/],
    'of no numbers, summed': [(w) => w.add('ReduceMax', [floats([0, 1e12], [])], { axes: [0] }), /^ReduceMax of shapes that do not fit$/],
    'joined of nothing': [(w) => w.add('Concat', [], { axis: 0 }), /^Concat without an input$/],
    'joined of shapes that would multiply': [(w) => w.add('Concat', [[2 ** 16, 1], [1, 2 ** 16]], { axis: 1 }), /^Concat of shapes that do not fit$/],
    'joined with itself, again and again': [
      (w) => Array.from({ length: 9 }).reduce<string>((name) => w.add('Concat', Array.from({ length: 10 }, () => name), { axis: 0 }), w.constant([1])),
      /^Concat makes too large a constant$/,
    ],
    'joined of more inputs than nodes have': [(w) => w.add('Concat', Array.from({ length: 200_000 }, () => 'x'), { axis: 1 }), /^Concat of 200000 inputs$/],
    'of whole numbers without end': [
      (w) => Array.from({ length: 40 }).reduce<string>((name) => w.add('Add', [name, w.add('ConstantOfShape', [int64s(2 ** 20)], { value: { kind: 'tensor', value: { name: '', type: 'int64', shape: [1], bytes: new Uint8Array(8) } } })]), w.constant(index(1))),
      /^more constants than memory holds$/,
    ],
    'with more axes than tensors have': [(w) => w.add('Unsqueeze', [[1], int64s(...Array.from({ length: 5000 }, (_, i) => i))]), /^Unsqueeze to 5001 axes$/],
    'reduced over an axis twice': [(w) => w.add('ReduceMean', [[3, 3]], { axes: [0, 0] }), /^ReduceMean over axes that are not there$/],
    'the largest of three': [(w) => w.add('Max', [[1], [1], [1]]), /^Max of more than two constants$/],
  }; // prettier-ignore
  for (const [what, [write, expected]] of Object.entries(CASES)) {
    test(what, async () => {
      const [first] = await reasons(needing(write));
      assert.match(first!, expected);
    });
  }

  test('reduced over no axis that is named: over all', async () => {
    await converted((w, x) => mean(w, w.add('Mul', [x, w.add('ReduceSum', [[3, 1], int64s()])])));
  });

  test('places that are no whole numbers', async () => {
    const half = floats([1], [0.5]);
    assert.deepEqual(await reasons((w, x) => mean(w, w.add('Slice', [x, half, int64s(3), int64s(1)]))), ['Slice with places that are no whole numbers']); // prettier-ignore
  });
});

test('a tensor that gets more axes than tensors have', async () => {
  const axes = int64s(...Array.from({ length: 5000 }, (_, i) => i + 1));
  assert.deepEqual(await reasons((w, x) => w.add('Unsqueeze', [x, axes])), ['Unsqueeze to 5004 axes']);
});

describe('what would be computed otherwise in silence', () => {
  test('a further output of an operator is not the first again', async () => {
    const second: Write = (w, x) => `${w.add('Dropout', [x], {}, 2)}.1`;
    assert.deepEqual(await reasons((w, x) => mean(w, second(w, x))), ['a further output of an operator']);
  });

  test('outputs without a name are not one tensor', async () => {
    await converted((w, x) => {
      for (let i = 0; i < 2; i++) {
        x = w.add('Dropout', [w.add('Relu', [x])]);
        const node = w.nodes.pop()!;
        w.nodes.push({ ...node, outputs: [...node.outputs, ''] });
      }
      return mean(w, x);
    });
  });

  test('a norm over the channels, times weights of the columns', async () => {
    const result = await reasons((w, x) => {
      const y = w.add('Conv', [x, [8, 3, 1, 1]]);
      const centred = w.add('Sub', [y, w.add('ReduceMean', [y], { axes: [1] })]);
      const variance = w.add('ReduceMean', [w.add('Mul', [centred, centred])], { axes: [1] });
      const deviation = w.add('Sqrt', [w.add('Add', [variance, floats([], [1e-3])])]);
      return mean(w, w.add('Mul', [w.add('Div', [centred, deviation]), [8]]));
    });
    assert.deepEqual(result, ['AxisNormalization with weights of another axis']);
  });

  test('a cast to whole numbers like another tensor', async () => {
    const whole: Write = (w, x) => mean(w, w.add('CastLike', [x, int64s(1)]));
    assert.deepEqual(await reasons(whole), ['CastLike of a computed tensor to whole numbers']);
  });

  test('an AveragePool with dilation', async () => {
    const dilated: Write = (w, x) => mean(w, w.add('AveragePool', [x], { kernel_shape: [2, 2], dilations: [2, 2] })); // prettier-ignore
    assert.deepEqual(await reasons(dilated), ['AveragePool with dilation']);
  });
});

describe('tensors without axes behind the batch', () => {
  /** [N] */
  const one: Write = (w, x) => w.add('Squeeze', [w.add('Gemm', [mean(w, x), [3, 1]]), int64s(1)]);
  const CASES: Readonly<Record<string, readonly [Write, string]>> = {
    'batch norm': [(w, x) => w.add('BatchNormalization', [one(w, x), [1], [1], [1], [1]]), 'BatchNormalization over the batch'],
    'a slope for each channel': [(w, x) => w.add('PRelu', [one(w, x), [3]]), 'PRelu over the batch'],
    'cut in parts': [(w, x) => w.add('Split', [one(w, x), int64s(1)], { axis: 0 }), 'Split over the batch'],
    'joined with one of another layer': [(w, x) => w.add('Add', [one(w, x), w.add('Squeeze', [w.add('Conv', [x, [1, 3, 8, 8]]), int64s(1, 2, 3)])]), 'Add of numbers without axes behind the batch'],
  }; // prettier-ignore
  for (const [what, [write, expected]] of Object.entries(CASES)) {
    test(what, async () => assert.deepEqual(await reasons(write), [expected]));
  }
});

test('an axis that is no whole number counts as none', async () => {
  const half: Write = (w, x) => w.add('Softmax', [mean(w, x)], { axis: f(1.5) });
  assert.equal((await convert(half)).kind, 'converted');
});

test('places that double again and again', async () => {
  const doubled: Write = (w, x) => {
    let places = w.add('Reshape', [w.add('Shape', [x], { start: 0, end: 1 }), int64s(1)]);
    for (let i = 0; i < 18; i++) places = w.add('Concat', Array.from({ length: 4 }, () => places), { axis: 0 }); // prettier-ignore
    return w.add('Gather', [w.add('Reshape', [x, int64s(-1)]), places]);
  };
  assert.deepEqual(await reasons(doubled), ['Concat makes too large a constant', 'Reshape that joins pictures of a batch']); // prettier-ignore
});
