// convolution.ts: convolutions, in groups and depthwise ones too.

import { elementCount } from '../../util/shape.ts';
import type { Size2d, Window } from './base.ts';
import {
  CHANNELS_LAST,
  invalidConfig,
  oneInput,
  readPaddingRule,
  readSize2d,
  type KerasConfig,
} from './keras-config.ts';
import { invalidLayer, picture, type KerasRead, type Kind } from './kind.ts';
import { windowed } from './windows.ts';

interface Convolution extends Window {
  readonly kernelSize: Size2d;
  readonly dilation: Size2d;
  readonly useBias: boolean;
}

export interface Conv2d extends Convolution {
  readonly kind: 'conv2d';
  readonly filters: number;
  /** Filters and input channels in this many groups that do not see each other; 1 where absent. */
  readonly groups?: number;
}

export interface DepthwiseConv2d extends Convolution {
  readonly kind: 'depthwiseConv2d';
  readonly depthMultiplier: number;
}

const readConv2d: KerasRead<Conv2d> = (config, { name, inputs }) => {
  const groups = config.number('groups', 1);
  if (!Number.isSafeInteger(groups) || groups < 1)
    throw invalidConfig(config, 'groups must be a whole number from 1');
  return {
    kind: 'conv2d',
    name,
    inputs: oneInput(config, inputs),
    filters: config.number('filters'),
    ...(groups > 1 && { groups }),
    ...readConvolution(config),
  };
};

export const conv2d: Kind<Conv2d> = {
  outputShape(layer, [input]) {
    const [, , channels] = picture(layer, input!);
    const groups = layer.groups ?? 1;
    if (channels % groups !== 0 || layer.filters % groups !== 0) {
      throw invalidLayer(layer, `has ${groups} groups for ${channels} channels and ${layer.filters} filters`);
    }
    return [...windowed(layer, input!, layer.kernelSize, layer.dilation), layer.filters];
  },
  weights: ({ kernelSize, groups = 1, filters, useBias }, input) => [
    ['kernel', [...kernelSize, (input.at(-1) ?? 0) / groups, filters]],
    ...(useBias ? ([['bias', [filters]]] as const) : []),
  ],
  multiplyAdds: ({ kernelSize, groups = 1 }, input, output) =>
    (elementCount(output) * elementCount(kernelSize) * input.at(-1)!) / groups,
  // OIHW -> HWIO
  torch: { kernel: { suffix: 'weight', axes: [2, 3, 1, 0], isByInput: true }, bias: { suffix: 'bias' } },
  keras: {
    // TensorFlow.js has no grouped convolution: a class of finch's own, docs/models.md.
    write: (layer) =>
      layer.groups === undefined
        ? ['Conv2D', { filters: layer.filters, ...writtenConvolution(layer) }]
        : ['FinchGroupedConv2D', { filters: layer.filters, groups: layer.groups, ...writtenConvolution(layer) }], // prettier-ignore
    read: { Conv2D: readConv2d, FinchGroupedConv2D: readConv2d },
  },
};

export const depthwiseConv2d: Kind<DepthwiseConv2d> = {
  outputShape(layer, [input]) {
    const [, , channels] = picture(layer, input!);
    const size = windowed(layer, input!, layer.kernelSize, layer.dilation);
    return [...size, channels * layer.depthMultiplier];
  },
  weights: ({ kernelSize, depthMultiplier, useBias }, input) => {
    const channels = input.at(-1) ?? 0;
    return [
      ['depthwise_kernel', [...kernelSize, channels, depthMultiplier]],
      ...(useBias ? ([['bias', [channels * depthMultiplier]]] as const) : []),
    ];
  },
  // A kernel of one place scales the channels, as batch norm does; published figures count neither.
  multiplyAdds: ({ kernelSize }, _input, output) =>
    elementCount(kernelSize) === 1 ? 0 : elementCount(output) * elementCount(kernelSize),
  // [C·M,1,H,W] -> HWCM
  torch: {
    depthwise_kernel: {
      suffix: 'weight',
      axes: [2, 3, 0, 1],
      joined: ([channels, multiplier, ...size]) => [channels! * multiplier!, 1, ...size],
    },
    bias: { suffix: 'bias' },
  },
  keras: {
    write: (layer) => [
      'DepthwiseConv2D',
      { depth_multiplier: layer.depthMultiplier, ...writtenConvolution(layer) },
    ],
    read: {
      DepthwiseConv2D: (config, { name, inputs }) => ({
        kind: 'depthwiseConv2d',
        name,
        inputs: oneInput(config, inputs),
        depthMultiplier: config.number('depth_multiplier', 1),
        ...readConvolution(config),
      }),
    },
  },
};

function readConvolution(config: KerasConfig) {
  return {
    kernelSize: readSize2d(config, 'kernel_size'),
    strides: readSize2d(config, 'strides', 1),
    dilation: readSize2d(config, 'dilation_rate', 1),
    padding: readPaddingRule(config),
    useBias: config.boolean('use_bias', true),
  };
}

function writtenConvolution(layer: Convolution) {
  return {
    kernel_size: layer.kernelSize,
    strides: layer.strides,
    padding: layer.padding,
    dilation_rate: layer.dilation,
    activation: 'linear',
    use_bias: layer.useBias,
    ...CHANNELS_LAST,
  };
}
