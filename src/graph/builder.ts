// builder.ts: writes a graph down layer by layer. The zoo reads like a torch `forward`, the result is plain data.

import type { Shape } from '../util/shape.ts';
import type { ActivationName, Graph, Layer, Padding, Size2d } from './layers.ts';

interface ConvOptions {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
  /** Torch's padding, the same on all four sides; or TensorFlow's `same`. */
  readonly pad?: number | 'same';
  readonly dilation?: number;
  readonly bias?: boolean;
}

/** One method a layer kind; each takes names of layers and returns the name of the new one. */
export interface GraphBuilder {
  readonly input: string;
  conv2d(from: string, name: string, options: ConvOptions & { readonly groups?: number }): string;
  depthwiseConv2d(from: string, name: string, options: Omit<ConvOptions, 'filters'>): string;
  batchNormalization(from: string, name: string, options?: { epsilon?: number; momentum?: number }): string;
  activation(from: string, name: string, activation: ActivationName): string;
  maxPooling2d(
    from: string,
    name: string,
    options: { kernel: number; stride: number; pad?: number | 'same' },
  ): string;
  averagePooling2d(
    from: string,
    name: string,
    options: { kernel: number; stride: number; pad?: 'same' },
  ): string;
  globalAveragePooling2d(from: string, name: string): string;
  dense(from: string, name: string, units: number): string;
  dropout(from: string, name: string, rate: number, options?: { perSample?: boolean }): string;
  reshape(from: string, name: string, shape: Shape): string;
  multiply(name: string, ...from: readonly string[]): string;
  concatenate(name: string, ...from: readonly string[]): string;
  add(name: string, ...from: readonly string[]): string;
  build(output: string): Graph;
}

const square = (size: number): Size2d => [size, size];

/** @param size height and width of the input in pixels; it has three channels */
export function graphBuilder(name: string, size: number): GraphBuilder {
  const layers: Layer[] = [{ kind: 'input', name: 'input', inputs: [], shape: [size, size, 3] }];
  const push = (layer: Layer): string => {
    layers.push(layer);
    return layer.name;
  };
  /** Torch pads before a window slides; tf.LayersModel says the same with a layer of its own. */
  const padded = (
    from: string,
    window: string,
    pad: number | 'same' | undefined,
  ): readonly [string, Padding] => {
    if (pad === 'same') return [from, 'same'];
    if (!pad) return [from, 'valid'];
    const around = { top: pad, bottom: pad, left: pad, right: pad };
    return [push({ kind: 'zeroPadding2d', name: `${window}.pad`, inputs: [from], pad: around }), 'valid'];
  };
  return {
    input: 'input',
    conv2d(from, name, { filters, kernel, stride = 1, pad, dilation = 1, bias = false, groups = 1 }) {
      const [input, padding] = padded(from, name, pad);
      const strides = square(stride);
      const kernelSize = square(kernel);
      return push({
        kind: 'conv2d',
        name,
        inputs: [input],
        filters,
        ...(groups > 1 && { groups }),
        kernelSize,
        strides,
        dilation: square(dilation),
        padding,
        useBias: bias,
      });
    },
    depthwiseConv2d(from, name, { kernel, stride = 1, pad, dilation = 1, bias = false }) {
      const [input, padding] = padded(from, name, pad);
      const strides = square(stride);
      const kernelSize = square(kernel);
      return push({
        kind: 'depthwiseConv2d',
        name,
        inputs: [input],
        depthMultiplier: 1,
        kernelSize,
        strides,
        dilation: square(dilation),
        padding,
        useBias: bias,
      });
    },
    // torch's defaults: eps 1e-5, momentum 0.1 (the share of the new statistics, where Keras counts the old)
    batchNormalization(from, name, { epsilon = 1e-5, momentum = 0.9 } = {}) {
      return push({
        kind: 'batchNormalization',
        name,
        inputs: [from],
        epsilon,
        momentum,
        center: true,
        scale: true,
      });
    },
    activation: (from, name, activation) => push({ kind: 'activation', name, inputs: [from], activation }),
    maxPooling2d(from, name, { kernel, stride, pad }) {
      const [input, padding] = padded(from, name, pad);
      return push({
        kind: 'maxPooling2d',
        name,
        inputs: [input],
        poolSize: square(kernel),
        strides: square(stride),
        padding,
      });
    },
    averagePooling2d: (from, name, { kernel, stride, pad }) =>
      push({
        kind: 'averagePooling2d',
        name,
        inputs: [from],
        poolSize: square(kernel),
        strides: square(stride),
        padding: pad ?? 'valid',
      }),
    globalAveragePooling2d: (from, name) => push({ kind: 'globalAveragePooling2d', name, inputs: [from] }),
    dense: (from, name, units) => push({ kind: 'dense', name, inputs: [from], units, useBias: true }),
    dropout: (from, name, rate, { perSample = false } = {}) =>
      push({ kind: 'dropout', name, inputs: [from], rate, ...(perSample && { perSample }) }),
    reshape: (from, name, shape) => push({ kind: 'reshape', name, inputs: [from], shape }),
    multiply: (name, ...from) => push({ kind: 'multiply', name, inputs: from }),
    concatenate: (name, ...from) => push({ kind: 'concatenate', name, inputs: from }),
    add: (name, ...from) => push({ kind: 'add', name, inputs: from }),
    build: (output) => ({ name, layers, input: 'input', output }),
  };
}
