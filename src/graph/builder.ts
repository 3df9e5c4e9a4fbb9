// builder.ts: writes a graph down layer by layer. The zoo reads like a torch `forward`, the result is plain data.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Shape } from '../util/shape.ts';
import type { ActivationName, Graph, Layer, Padding, Padding2d, Size2d } from './layers.ts';
import { addShape } from './shapes.ts';
import { nonNegativeLayers } from './sign.ts';

/** One number for rows and columns alike, or one for each. */
type Pair = number | Size2d;

interface ConvOptions {
  readonly filters: number;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly pad?: Pad;
  readonly dilation?: Pair;
  readonly bias?: boolean;
}

/** Torch's padding: the same on all sides, or for rows and columns, or for each side. Or TensorFlow's `same`. */
type Pad = Pair | Padding2d | 'same';

interface PoolOptions {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pad?: Pad;
}

/** One method a layer kind; each takes names of layers and returns the name of the new one. */
export interface GraphBuilder {
  readonly input: string;
  conv2d(from: string, name: string, options: ConvOptions & { readonly groups?: number }): string;
  /** @param options.multiplier filters for each channel, 1 by default */
  depthwiseConv2d(
    from: string,
    name: string,
    options: Omit<ConvOptions, 'filters'> & { readonly multiplier?: number },
  ): string;
  batchNormalization(from: string, name: string, options?: { epsilon?: number; momentum?: number }): string;
  /** Over the channels of each place. */
  layerNormalization(from: string, name: string, options?: { epsilon?: number }): string;
  activation(from: string, name: string, activation: ActivationName): string;
  /** With a slope for each channel, as torch's `PReLU` of so many parameters. */
  prelu(from: string, name: string): string;
  /**
   * Padding is below every number, as in torch. @param options.ceil torch's `ceil_mode`: a last window that only begins in the
   * picture counts too
   */
  maxPooling2d(from: string, name: string, options: PoolOptions & { readonly ceil?: boolean }): string;
  /** The zeros of torch's padding are counted (torch's default); those of `same` are not. */
  averagePooling2d(from: string, name: string, options: PoolOptions): string;
  /** What a layer puts out, without the batch. */
  shapeOf(layer: string): Shape;
  globalAveragePooling2d(from: string, name: string): string;
  dense(from: string, name: string, units: number, options?: { bias?: boolean }): string;
  dropout(from: string, name: string, rate: number, options?: { perSample?: boolean }): string;
  reshape(from: string, name: string, shape: Shape): string;
  flatten(from: string, name: string): string;
  zeroPadding2d(from: string, name: string, pad: Pair | Padding2d): string;
  cropping2d(from: string, name: string, crop: Pair | Padding2d): string;
  /** Keras's dims: 1, 2, 3 are rows, columns, channels. */
  permute(from: string, name: string, dims: readonly number[]): string;
  /** Channels `begin` to `end`, as `x[:, begin:end]` in torch. */
  sliceChannels(from: string, name: string, begin: number, end: number): string;
  /** Channel i of group j becomes channel j of group i: torch's `channel_shuffle`. */
  shuffleChannels(from: string, name: string, groups: number): string;
  /** `scale x + offset`. */
  rescaling(from: string, name: string, scale: number, offset?: number): string;
  multiply(name: string, ...from: readonly string[]): string;
  concatenate(name: string, ...from: readonly string[]): string;
  add(name: string, ...from: readonly string[]): string;
  /** Any other layer, as it is. */
  layer(layer: Layer): string;
  build(output: string): Graph;
}

const pair = (size: Pair): Size2d => (typeof size === 'number' ? [size, size] : size);

function around(pad: Pair | Padding2d): Padding2d {
  if (typeof pad === 'object' && 'top' in pad) return pad;
  const [rows, columns] = pair(pad);
  return { top: rows, bottom: rows, left: columns, right: columns };
}

/** @param size height and width of the input in pixels; it has three channels */
export function graphBuilder(name: string, size: Pair): GraphBuilder {
  const layers: Layer[] = [{ kind: 'input', name: 'input', inputs: [], shape: [...pair(size), 3] }];
  const push = (layer: Layer): string => {
    layers.push(layer);
    return layer.name;
  };
  const zeroPadding2d = (from: string, name: string, pad: Pair | Padding2d): string =>
    push({ kind: 'zeroPadding2d', name, inputs: [from], pad: around(pad) });
  const cropping2d = (from: string, name: string, crop: Pair | Padding2d): string =>
    push({ kind: 'cropping2d', name, inputs: [from], crop: around(crop) });
  const permute = (from: string, name: string, dims: readonly number[]): string =>
    push({ kind: 'permute', name, inputs: [from], dims });
  const reshape = (from: string, name: string, shape: Shape): string =>
    push({ kind: 'reshape', name, inputs: [from], shape });
  const shapes = new Map<string, Shape>();
  const shapeOf = (layer: string): Shape => {
    for (const later of layers.slice(shapes.size)) addShape(later, shapes);
    return shapes.get(layer)!;
  };
  /** Torch pads before a window slides; tf.LayersModel says the same with a layer of its own. */
  const padded = (from: string, window: string, pad: Pad = 0): readonly [string, Padding] => {
    if (pad === 'same') return [from, 'same'];
    if (isZero(around(pad))) return [from, 'valid'];
    return [zeroPadding2d(from, `${window}.pad`, pad), 'valid'];
  };
  return {
    input: 'input',
    shapeOf,
    conv2d(from, name, { filters, kernel, stride = 1, pad, dilation = 1, bias = false, groups = 1 }) {
      const [input, padding] = padded(from, name, pad);
      const strides = pair(stride);
      const kernelSize = pair(kernel);
      return push({
        kind: 'conv2d',
        name,
        inputs: [input],
        filters,
        ...(groups > 1 && { groups }),
        kernelSize,
        strides,
        dilation: pair(dilation),
        padding,
        useBias: bias,
      });
    },
    depthwiseConv2d(from, name, { kernel, stride = 1, pad, dilation = 1, bias = false, multiplier = 1 }) {
      const [input, padding] = padded(from, name, pad);
      const strides = pair(stride);
      const kernelSize = pair(kernel);
      return push({
        kind: 'depthwiseConv2d',
        name,
        inputs: [input],
        depthMultiplier: multiplier,
        kernelSize,
        strides,
        dilation: pair(dilation),
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
    // torch's default: eps 1e-5
    layerNormalization: (from, name, { epsilon = 1e-5 } = {}) =>
      push({ kind: 'layerNormalization', name, inputs: [from], epsilon, center: true, scale: true }),
    activation: (from, name, activation) => push({ kind: 'activation', name, inputs: [from], activation }),
    prelu: (from, name) =>
      push({
        kind: 'prelu',
        name,
        inputs: [from],
        sharedAxes: shapeOf(from)
          .slice(1)
          .map((_, axis) => axis + 1),
      }),
    maxPooling2d(from, name, { kernel, stride, pad = 0, ceil = false }) {
      const pool = (input: string, called: string, poolSize: Size2d, strides: Size2d, padding: Padding) =>
        push({ kind: 'maxPooling2d', name: called, inputs: [input], poolSize, strides, padding });
      const [poolSize, strides] = [pair(kernel), pair(stride)];
      if (pad === 'same') return pool(from, name, poolSize, strides, 'same');
      const [isWhole, isEven] = [strides.every((step) => step === 1), isCentred(poolSize, around(pad))];
      if (isWhole && isEven) return pool(from, name, poolSize, strides, 'same');
      const zeros = ceil ? withLastWindow(around(pad), poolSize, strides) : around(pad);
      if (isZero(zeros) || nonNegativeLayers(layers).has(from)) {
        // Zeros change no maximum of numbers that are not negative.
        const [input, padding] = padded(from, name, zeros);
        return pool(input, name, poolSize, strides, padding);
      }
      if (!isEven || ceil) {
        throw new AppError(
          'MODEL_UNSUPPORTED',
          `'${quoted(name)}' pads numbers that may be negative; the pad has to be (kernel - 1) / 2, without ceil`,
        );
      }
      // A zero is no padding here. Pooled at every place, where `same` pads as torch does, and of that every stride-th place.
      return pool(pool(from, `${name}.everywhere`, poolSize, [1, 1], 'same'), name, [1, 1], strides, 'valid');
    },
    averagePooling2d(from, name, { kernel, stride, pad }) {
      const [input, padding] = padded(from, name, pad);
      const [poolSize, strides] = [pair(kernel), pair(stride)];
      return push({ kind: 'averagePooling2d', name, inputs: [input], poolSize, strides, padding });
    },
    globalAveragePooling2d: (from, name) => push({ kind: 'globalAveragePooling2d', name, inputs: [from] }),
    dense: (from, name, units, { bias = true } = {}) =>
      push({ kind: 'dense', name, inputs: [from], units, useBias: bias }),
    dropout: (from, name, rate, { perSample = false } = {}) =>
      push({ kind: 'dropout', name, inputs: [from], rate, ...(perSample && { perSample }) }),
    reshape,
    flatten: (from, name) => push({ kind: 'flatten', name, inputs: [from] }),
    zeroPadding2d,
    cropping2d,
    permute,
    // Keras crops rows and columns: the channels become columns for as long as that takes.
    sliceChannels(from, name, begin, end) {
      const channels = shapeOf(from).at(-1)!;
      const columns = permute(from, `${name}.columns`, [1, 3, 2]);
      const crop = { top: 0, bottom: 0, left: begin, right: channels - end };
      return permute(cropping2d(columns, `${name}.crop`, crop), name, [1, 3, 2]);
    },
    shuffleChannels(from, name, groups) {
      const [height, width, channels] = shapeOf(from) as readonly [number, number, number];
      const split = reshape(from, `${name}.groups`, [height, width, groups, channels / groups]);
      return reshape(permute(split, `${name}.permute`, [1, 2, 4, 3]), name, [height, width, channels]);
    },
    rescaling: (from, name, scale, offset = 0) =>
      push({ kind: 'rescaling', name, inputs: [from], scale, offset }),
    multiply: (name, ...from) => push({ kind: 'multiply', name, inputs: from }),
    concatenate: (name, ...from) => push({ kind: 'concatenate', name, inputs: from }),
    add: (name, ...from) => push({ kind: 'add', name, inputs: from }),
    layer: push,
    build: (output) => ({ name, layers, input: 'input', output }),
  };
}

const isZero = (pad: Padding2d) => Object.values(pad).every((size) => size === 0);

/** Whether a window at every place, padded so, sees as much before its place as behind it: what `same` does at stride 1. */
function isCentred([height, width]: Size2d, { top, bottom, left, right }: Padding2d): boolean {
  return (
    [top, bottom].every((size) => 2 * size + 1 === height) &&
    [left, right].every((size) => 2 * size + 1 === width)
  );
}

/**
 * `ceil_mode` as padding: stride - 1 more at the bottom and right give floor((n + s - 1 - k) / s) + 1 = ceil((n - k) / s) + 1 places.
 * Torch leaves out a window that begins behind the picture; there is none while window >= stride + pad.
 */
function withLastWindow(pad: Padding2d, [height, width]: Size2d, [down, across]: Size2d): Padding2d {
  if (height < down + pad.top || width < across + pad.left) {
    throw new AppError('MODEL_UNSUPPORTED', `ceil_mode takes windows of at least stride + pad, received ${height}x${width}`); // prettier-ignore
  }
  return { ...pad, bottom: pad.bottom + down - 1, right: pad.right + across - 1 };
}
