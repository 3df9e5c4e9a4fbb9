// Weights in torch's order: what PyTorch computes with them is what the graph computes. The expected numbers are written out by
// index, from torch's documentation of Conv2d (groups) and Flatten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Layer } from '../../src/graph/layers.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { flattenedPictures } from '../../src/zoo/torch-layout.ts';
import { weightsFromTorch, weightsToTorch, withKernelReversed } from '../../src/zoo/torch-weights.ts';
import { madeUpWeights } from '../helpers/made-up-model.ts';

/** Pictures of 2 x 3 with 3 channels, twice as many behind the depthwise convolution, flattened with layers in between. */
function flattening(): Graph {
  const b = graphBuilder('flattening', 4);
  b.depthwiseConv2d(b.input, 'dw', { kernel: 3, stride: 2, pad: 'same', bias: true });
  const layers: Layer[] = [
    { kind: 'input', name: 'input', inputs: [], shape: [4, 6, 3] },
    { ...(b.build('dw').layers[1] as Extract<Layer, { kind: 'depthwiseConv2d' }>), depthMultiplier: 2 },
    { kind: 'flatten', name: 'flat', inputs: ['dw'] },
    { kind: 'dropout', name: 'drop', inputs: ['flat'], rate: 0.5 },
    { kind: 'batchNormalization', name: 'bn', inputs: ['drop'], epsilon: 1e-3, momentum: 0.9, center: true, scale: true }, // prettier-ignore
    { kind: 'dense', name: 'fc', inputs: ['bn'], units: 5, useBias: true },
    { kind: 'dense', name: 'fc2', inputs: ['fc'], units: 4, useBias: true },
  ];
  return { name: 'flattening', layers, input: 'input', output: 'fc2' };
}

const [HEIGHT, WIDTH, CHANNELS, UNITS] = [2, 3, 6, 5];

test('a depthwise kernel of multiplier 2, and dense weights behind a flattened picture', () => {
  const graph = flattening();
  const weights = madeUpWeights(graph);
  const torch = weightsToTorch(graph, weights);

  const [ours, theirs] = [weights.get('dw/depthwise_kernel')!, torch.get('dw.weight')!];
  assert.deepEqual(ours.shape, [3, 3, 3, 2]);
  assert.deepEqual(theirs.shape, [6, 1, 3, 3]);
  for (let c = 0; c < 3; c++) {
    for (let m = 0; m < 2; m++) {
      for (let tap = 0; tap < 9; tap++) {
        assert.equal(theirs.data[(c * 2 + m) * 9 + tap], ours.data[(tap * 3 + c) * 2 + m]);
      }
    }
  }

  const [kernel, weight] = [weights.get('fc/kernel')!, torch.get('fc.weight')!];
  const [gamma, scale] = [weights.get('bn/gamma')!, torch.get('bn.weight')!];
  assert.deepEqual(weight.shape, [UNITS, HEIGHT * WIDTH * CHANNELS]);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      for (let c = 0; c < CHANNELS; c++) {
        const [hwc, chw] = [(y * WIDTH + x) * CHANNELS + c, (c * HEIGHT + y) * WIDTH + x];
        assert.equal(scale.data[chw], gamma.data[hwc]);
        for (let unit = 0; unit < UNITS; unit++) {
          assert.equal(weight.data[unit * HEIGHT * WIDTH * CHANNELS + chw], kernel.data[hwc * UNITS + unit]);
        }
      }
    }
  }
  assert.deepEqual(torch.get('fc.bias')!.data, weights.get('fc/bias')!.data);
  assert.deepEqual(torch.get('fc2.weight')!.shape, [4, 5]);
});

test('slopes of a PReLU: one a channel, one for all behind a flattened picture, one a place', () => {
  const input: Layer = { kind: 'input', name: 'input', inputs: [], shape: [2, 3, 3] };
  const layers: readonly Layer[] = [
    input,
    { kind: 'prelu', name: 'channels', inputs: ['input'], sharedAxes: [1, 2] },
    { kind: 'prelu', name: 'places', inputs: ['channels'], sharedAxes: [] },
    { kind: 'flatten', name: 'flat', inputs: ['places'] },
    { kind: 'prelu', name: 'all', inputs: ['flat'], sharedAxes: [1] },
    { kind: 'dense', name: 'fc', inputs: ['all'], units: 2, useBias: false },
  ];
  const graph: Graph = { name: 'slopes', layers, input: 'input', output: 'fc' };
  const weights = madeUpWeights(graph);
  const torch = weightsToTorch(graph, weights);
  const shapes = ['channels', 'places', 'all'].map((name) => torch.get(`${name}.weight`)!.shape);
  assert.deepEqual(shapes, [[3], [3, 2, 3], [1]]);
  const [ours, theirs] = [weights.get('places/alpha')!, torch.get('places.weight')!];
  assert.equal(theirs.data[(2 * 2 + 1) * 3 + 0], ours.data[(1 * 3 + 0) * 3 + 2]);
  const stateDict = new Map([...torch].map(([key, { shape, data }]) => [key, { shape, read: () => data }]));
  assert.deepEqual(weightsFromTorch(graph, stateDict, 'a test'), weights);
});

test('rows made of flattened pictures: joined, added, multiplied, and those that are channels first already', () => {
  const layers: readonly Layer[] = [
    { kind: 'input', name: 'input', inputs: [], shape: [4, 4, 4] },
    { kind: 'cropping2d', name: 'one', inputs: ['input'], crop: { top: 2, bottom: 0, left: 1, right: 0 } },
    { kind: 'flatten', name: 'flat', inputs: ['one'] },
    { kind: 'activation', name: 'relu', inputs: ['flat'], activation: 'relu' },
    { kind: 'multiply', name: 'product', inputs: ['flat', 'relu'] },
    { kind: 'add', name: 'sum', inputs: ['flat', 'product'] },
    { kind: 'globalAveragePooling2d', name: 'mean', inputs: ['input'] },
    { kind: 'concatenate', name: 'joined', inputs: ['sum', 'mean', 'flat'] },
    { kind: 'dense', name: 'fc', inputs: ['joined'], units: 2, useBias: false },
    { kind: 'permute', name: 'turned', inputs: ['one'], dims: [3, 1, 2] },
    { kind: 'activation', name: 'turnedRelu', inputs: ['turned'], activation: 'relu' },
    { kind: 'flatten', name: 'turnedFlat', inputs: ['turnedRelu'] },
    { kind: 'dense', name: 'same', inputs: ['turnedFlat'], units: 2, useBias: false },
    { kind: 'add', name: 'answer', inputs: ['fc', 'same'] },
  ];
  const graph: Graph = { name: 'rows', layers, input: 'input', output: 'answer' };
  const weights = madeUpWeights(graph);
  const torch = weightsToTorch(graph, weights);
  const [kernel, weight] = [weights.get('fc/kernel')!.data, torch.get('fc.weight')!.data];
  const [height, width, channels] = [2, 3, 4];
  const count = height * width * channels;
  const length = 2 * count + channels;
  for (let unit = 0; unit < 2; unit++) {
    for (let c = 0; c < channels; c++) {
      assert.equal(weight[unit * length + count + c], kernel[(count + c) * 2 + unit]);
      for (let place = 0; place < height * width; place++) {
        for (const start of [0, count + channels]) {
          const [hwc, chw] = [start + place * channels + c, start + c * height * width + place];
          assert.equal(weight[unit * length + chw], kernel[hwc * 2 + unit]);
        }
      }
    }
  }
  const [before, after] = [weights.get('same/kernel')!.data, torch.get('same.weight')!.data];
  for (let i = 0; i < count; i++) assert.equal(after[i], before[i * 2]);
  const stateDict = new Map([...torch].map(([key, { shape, data }]) => [key, { shape, read: () => data }]));
  assert.deepEqual(weightsFromTorch(graph, stateDict, 'a test'), weights);
});

test('rows of one place: through a reshape to [1,1,N], into a 1x1 convolution', () => {
  const layers: readonly Layer[] = [
    { kind: 'input', name: 'input', inputs: [], shape: [2, 2, 3] },
    { kind: 'flatten', name: 'flat', inputs: ['input'] },
    { kind: 'reshape', name: 'place', inputs: ['flat'], shape: [1, 1, 12] },
    { kind: 'conv2d', name: 'point', inputs: ['place'], filters: 2, kernelSize: [1, 1], strides: [1, 1], dilation: [1, 1], padding: 'valid', useBias: false }, // prettier-ignore
    { kind: 'flatten', name: 'again', inputs: ['place'] },
    { kind: 'dense', name: 'fc', inputs: ['again'], units: 2, useBias: false },
    { kind: 'flatten', name: 'points', inputs: ['point'] },
    { kind: 'add', name: 'answer', inputs: ['points', 'fc'] },
  ];
  const graph: Graph = { name: 'places', layers, input: 'input', output: 'answer' };
  const weights = madeUpWeights(graph);
  const torch = weightsToTorch(graph, weights);
  for (const name of ['point', 'fc']) {
    const [ours, theirs] = [weights.get(`${name}/kernel`)!.data, torch.get(`${name}.weight`)!.data];
    for (let place = 0; place < 4; place++) {
      for (let c = 0; c < 3; c++) assert.equal(theirs[12 + c * 4 + place], ours[(place * 3 + c) * 2 + 1]);
    }
  }
  const stateDict = new Map([...torch].map(([key, { shape, data }]) => [key, { shape, read: () => data }]));
  assert.deepEqual(weightsFromTorch(graph, stateDict, 'a test'), weights);
});

test('rows that are joined with themselves again and again are refused', () => {
  const joined = Array.from({ length: 22 }, (_, i): Layer => ({ kind: 'concatenate', name: `c${i + 1}`, inputs: [`c${i}`, `c${i}`] })); // prettier-ignore
  const layers: readonly Layer[] = [
    { kind: 'input', name: 'input', inputs: [], shape: [2, 2, 3] },
    { kind: 'flatten', name: 'c0', inputs: ['input'] },
    ...joined,
  ];
  const graph: Graph = { name: 'doubling', layers, input: 'input', output: 'c22' };
  assert.throws(() => flattenedPictures(graph, inferShapes(graph)), { code: 'MODEL_UNSUPPORTED' });
});

test('what is written comes back', () => {
  const graph = flattening();
  const weights = madeUpWeights(graph);
  const stateDict = new Map(
    [...weightsToTorch(graph, weights)].map(([key, { shape, data }]) => [key, { shape, read: () => data }]),
  );
  const back = weightsFromTorch(graph, stateDict, 'a test');
  for (const [name, { shape, data }] of weights) {
    assert.deepEqual(back.get(name), { shape, data }, name);
  }
});

test("colours turned round: the first convolution's input channels, and twice is as before", () => {
  const b = graphBuilder('colours', 4);
  const graph = b.build(b.conv2d(b.input, 'conv', { filters: 5, kernel: 2 }));
  const weights = madeUpWeights(graph);
  const turned = withKernelReversed(graph, weights);
  const [before, after] = [weights.get('conv/kernel')!.data, turned.get('conv/kernel')!.data];
  for (let tap = 0; tap < 4; tap++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let filter = 0; filter < 5; filter++) {
        const opposite: number = before[(tap * 3 + 2 - channel) * 5 + filter]!;
        assert.equal(after[(tap * 3 + channel) * 5 + filter], opposite);
      }
    }
  }
  assert.deepEqual(withKernelReversed(graph, turned), weights);
});
