// training-networks.ts: the small networks that make_training.py defines, as graphs: what the zoo does not have yet.

import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/layers.ts';

const CLASSES = 10;

function denseBlocks(): Graph {
  const b = graphBuilder('dense_blocks', 16);
  let x = b.conv2d(b.input, 'conv0', { filters: 16, kernel: 3, pad: 1 });
  for (let i = 0; i < 4; i++) {
    let y = b.activation(b.batchNormalization(x, `norm${i}`), `relu${i}`, 'relu');
    y = b.conv2d(y, `conv${i + 1}`, { filters: 8, kernel: 3, pad: 1 });
    x = b.concatenate(`concat${i}`, x, y);
    if (i === 1) {
      x = b.conv2d(x, 'transition', { filters: 16, kernel: 1, bias: true });
      x = b.averagePooling2d(x, 'pool', { kernel: 2, stride: 2 });
    }
  }
  return b.build(b.dense(b.globalAveragePooling2d(x, 'avgpool'), 'fc', CLASSES));
}

function squeezeExcite(): Graph {
  const b = graphBuilder('squeeze_excite', 32);
  /** Scales channels by a gate made of their means. */
  const gated = (
    from: string,
    n: number,
    channels: number,
    squeezed: number,
    inner: 'swish' | 'relu',
    outer: 'sigmoid' | 'hardSigmoidTorch',
  ) => {
    let y = b.reshape(b.globalAveragePooling2d(from, `squeeze${n}`), `picture${n}`, [1, 1, channels]);
    y = b.conv2d(y, `reduce${n}`, { filters: squeezed, kernel: 1, bias: true });
    y = b.activation(y, `inner${n}`, inner);
    y = b.conv2d(y, `expand${n}`, { filters: channels, kernel: 1, bias: true });
    return b.multiply(`gated${n}`, from, b.activation(y, `gate${n}`, outer));
  };
  let x = b.conv2d(b.input, 'stem', { filters: 16, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'bn0'), 'silu0', 'swish');
  x = b.depthwiseConv2d(x, 'depthwise', { kernel: 5, stride: 2, pad: 2 });
  x = b.activation(b.batchNormalization(x, 'bn1'), 'silu1', 'swish');
  x = gated(x, 1, 16, 4, 'swish', 'sigmoid');
  x = b.conv2d(x, 'project', { filters: 24, kernel: 1 });
  x = b.activation(b.batchNormalization(x, 'bn2'), 'hardswish', 'hardSwish');
  x = gated(x, 2, 24, 8, 'relu', 'hardSigmoidTorch');
  return b.build(b.dense(b.globalAveragePooling2d(x, 'avgpool'), 'fc', CLASSES));
}

function grouped(): Graph {
  const b = graphBuilder('grouped', 32);
  let x = b.conv2d(b.input, 'stem', { filters: 16, kernel: 3, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'bn0'), 'relu0', 'relu');
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, pad: 1 });
  let y = b.conv2d(x, 'grouped1', { filters: 32, kernel: 3, stride: 2, pad: 1, groups: 4 });
  y = b.activation(b.batchNormalization(y, 'bn1'), 'relu1', 'relu');
  y = b.conv2d(y, 'grouped2', { filters: 32, kernel: 3, pad: 2, dilation: 2, groups: 8 });
  y = b.batchNormalization(y, 'bn2');
  const shortcut = b.conv2d(x, 'downsample', { filters: 32, kernel: 1, stride: 2 });
  x = b.activation(b.add('add', y, shortcut), 'relu2', 'relu');
  return b.build(b.dense(b.globalAveragePooling2d(x, 'avgpool'), 'fc', CLASSES));
}

function convnextBlocks(): Graph {
  const b = graphBuilder('convnext_blocks', 32);
  const norm = (from: string, i: number) => b.layerNormalization(from, `norm${i}`, { epsilon: 1e-6 });
  let x = norm(b.conv2d(b.input, 'stem', { filters: 32, kernel: 4, stride: 4, bias: true }), 0);
  for (const i of [0, 1]) {
    let y = norm(b.depthwiseConv2d(x, `depthwise${i}`, { kernel: 7, pad: 3, bias: true }), i + 1);
    y = b.activation(b.dense(y, `expand${i}`, 64), `gelu${i}`, 'gelu');
    y = b.depthwiseConv2d(b.dense(y, `reduce${i}`, 32), `gamma${i}`, { kernel: 1 });
    x = b.add(`add${i}`, x, y);
  }
  return b.build(b.dense(norm(b.globalAveragePooling2d(x, 'avgpool'), 3), 'fc', CLASSES));
}

function shuffled(): Graph {
  const b = graphBuilder('shuffled', 32);
  const normed = (from: string, i: number) => b.batchNormalization(from, `bn${i}`);
  let x = b.conv2d(b.input, 'stem', { filters: 32, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(normed(x, 0), 'relu0', 'relu');
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, ceil: true });
  let y = b.conv2d(b.sliceChannels(x, 'right', 16, 32), 'point', { filters: 16, kernel: 1 });
  y = b.depthwiseConv2d(b.activation(normed(y, 1), 'relu1', 'relu'), 'depthwise', { kernel: 3, pad: 1 });
  x = b.concatenate('joined', b.sliceChannels(x, 'left', 0, 16), normed(y, 2));
  x = b.shuffleChannels(x, 'shuffle', 2);
  y = b.conv2d(x, 'wide', { filters: 32, kernel: [1, 5], pad: [0, 2] });
  y = normed(b.conv2d(y, 'high', { filters: 32, kernel: [5, 1], pad: [2, 0] }), 3);
  y = b.averagePooling2d(y, 'mean3', { kernel: 3, stride: 1, pad: 1 });
  x = b.add('sum', x, b.rescaling(y, 'scaled', 0.3));
  x = b.maxPooling2d(x, 'maximum', { kernel: 3, stride: 2, pad: 1 });
  y = b.cropping2d(x, 'crop', { top: 1, bottom: 0, left: 1, right: 0 });
  y = b.zeroPadding2d(y, 'shift', { top: 0, bottom: 1, left: 0, right: 1 });
  x = b.activation(b.add('sum2', x, y), 'relu2', 'relu');
  return b.build(b.dense(b.globalAveragePooling2d(x, 'avgpool'), 'fc', CLASSES));
}

export const TRAINING_NETWORKS: Readonly<Record<string, () => Graph>> = {
  dense_blocks: denseBlocks,
  squeeze_excite: squeezeExcite,
  grouped,
  convnext_blocks: convnextBlocks,
  shuffled,
};
