// keras-layers.ts: the classes of layer that finch reads from a tf.LayersModel, one entry each. Sees configs, not topologies.

import { ACTIVATIONS, type Activation, type Layer, type Size2d } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import { fieldReader, isObject, type FieldReader } from './json.ts';

type Read = (config: FieldReader, name: string, inputs: readonly string[]) => Layer;

/** How each class of layer is read: from its config, under a name, to a layer of the graph. */
export const READERS: Readonly<Record<string, Read>> = {
  InputLayer: (config, name) => {
    const shape = inputShapeOf(config);
    if (!shape) throw invalid(config, 'the input has no shape');
    return { kind: 'input', name, inputs: [], shape };
  },
  Conv2D: (config, name, inputs) => {
    const groups = config.number('groups', 1);
    if (!Number.isSafeInteger(groups) || groups < 1)
      throw invalid(config, 'groups must be a whole number from 1');
    return {
      kind: 'conv2d',
      name,
      inputs: one(config, inputs),
      filters: config.number('filters'),
      ...(groups > 1 && { groups }),
      ...conv(config),
    };
  },
  // Two of finch's own, as TensorFlow.js has neither: docs/models.md.
  FinchGroupedConv2D: (config, name, inputs) => READERS['Conv2D']!(config, name, inputs),
  FinchHardActivation: (config, name, inputs) => {
    const kind = config.string('activation');
    if (kind === 'hard_sigmoid') return activationLayer(config, name, inputs, 'hardSigmoidTorch');
    if (kind === 'hard_swish') return activationLayer(config, name, inputs, 'hardSwish');
    throw invalid(config, `activation must be hard_sigmoid or hard_swish, received '${kind}'`);
  },
  DepthwiseConv2D: (config, name, inputs) => ({
    kind: 'depthwiseConv2d',
    name,
    inputs: one(config, inputs),
    depthMultiplier: config.number('depth_multiplier', 1),
    ...conv(config),
  }),
  BatchNormalization: (config, name, inputs) => {
    // 3 is the last axis of a picture, 1 of a vector; taken for a picture's rows, it fails on the weights' shapes.
    const axis = Array.isArray(config.raw('axis'))
      ? config.numbers('axis', 1)[0]!
      : config.number('axis', -1);
    if (![-1, 1, 3].includes(axis)) throw invalid(config, `axis must be the last one, received ${axis}`);
    return {
      kind: 'batchNormalization',
      name,
      inputs: one(config, inputs),
      epsilon: config.number('epsilon', 1e-3),
      momentum: config.number('momentum', 0.99),
      center: config.boolean('center', true),
      scale: config.boolean('scale', true),
    };
  },
  Activation: (config, name, inputs) => activationLayer(config, name, inputs, activationOf(config)),
  Softmax: (config, name, inputs) => activationLayer(config, name, inputs, 'softmax'),
  ReLU: (config, name, inputs) => {
    const max = config.has('max_value') ? config.number('max_value') : undefined;
    const slope = config.number('negative_slope', 0);
    if (config.number('threshold', 0) === 0 && slope === 0 && (max === undefined || max === 6)) {
      return activationLayer(config, name, inputs, max === 6 ? 'relu6' : 'relu');
    }
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${config.where}: ReLU with a slope, a threshold or a maximum other than 6`,
    );
  },
  LeakyReLU: (config, name, inputs) => ({
    ...activationLayer(config, name, inputs, 'leakyRelu'),
    alpha: config.number(config.has('negative_slope') ? 'negative_slope' : 'alpha', 0.3),
  }),
  ELU: (config, name, inputs) => ({
    ...activationLayer(config, name, inputs, 'elu'),
    alpha: config.number('alpha', 1),
  }),
  ZeroPadding2D: (config, name, inputs) => ({
    kind: 'zeroPadding2d',
    name,
    inputs: one(config, inputs),
    pad: padding(config),
  }),
  MaxPooling2D: (config, name, inputs) => ({
    kind: 'maxPooling2d',
    name,
    inputs: one(config, inputs),
    ...pool(config),
  }),
  AveragePooling2D: (config, name, inputs) => ({
    kind: 'averagePooling2d',
    name,
    inputs: one(config, inputs),
    ...pool(config),
  }),
  GlobalAveragePooling2D: (config, name, inputs) => ({
    kind: 'globalAveragePooling2d',
    name,
    inputs: one(config, inputs),
  }),
  GlobalMaxPooling2D: (config, name, inputs) => ({
    kind: 'globalMaxPooling2d',
    name,
    inputs: one(config, inputs),
  }),
  Dense: (config, name, inputs) => ({
    kind: 'dense',
    name,
    inputs: one(config, inputs),
    units: config.number('units'),
    useBias: config.boolean('use_bias', true),
  }),
  Add: (_config, name, inputs) => ({ kind: 'add', name, inputs }),
  Multiply: (_config, name, inputs) => ({ kind: 'multiply', name, inputs }),
  Concatenate: (config, name, inputs) => {
    if (![-1, 3].includes(config.number('axis', -1))) {
      throw new AppError('MODEL_UNSUPPORTED', `${config.where}: axis must be the last one`);
    }
    return { kind: 'concatenate', name, inputs };
  },
  Reshape: (config, name, inputs) => ({
    kind: 'reshape',
    name,
    inputs: one(config, inputs),
    shape: config.numbers('target_shape'),
  }),
  Flatten: (config, name, inputs) => ({ kind: 'flatten', name, inputs: one(config, inputs) }),
  Dropout: (config, name, inputs) => ({
    kind: 'dropout',
    name,
    inputs: one(config, inputs),
    rate: config.number('rate', 0),
    // Keras's noise_shape [null, 1, 1, 1]: one draw a sample
    ...(Array.isArray(config.raw('noise_shape')) && { perSample: true }),
  }),
};

function activationLayer(
  config: FieldReader,
  name: string,
  inputs: readonly string[],
  activation: Activation,
): Extract<Layer, { kind: 'activation' }> {
  return { kind: 'activation', name, inputs: one(config, inputs), activation };
}

/** Keras's names for what finch calls otherwise. */
const ACTIVATION_ALIASES: Readonly<Record<string, Activation>> = {
  hard_sigmoid: 'hardSigmoid',
  silu: 'swish',
  leaky_relu: 'leakyRelu',
};

/** The activation that a layer carries within it. @throws AppError MODEL_UNSUPPORTED */
export function activationOf(config: FieldReader): Activation {
  const raw = config.raw('activation');
  const name = isObject(raw) ? fieldReader(raw, config.where).string('class_name') : (raw ?? 'linear');
  const known = ACTIVATIONS.find((activation) => activation === name);
  const alias =
    typeof name === 'string' && Object.hasOwn(ACTIVATION_ALIASES, name)
      ? ACTIVATION_ALIASES[name]
      : undefined;
  const found = known ?? alias;
  if (!found) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${config.where}: finch does not know the activation '${JSON.stringify(raw)}'`,
    );
  }
  return found;
}

function conv(config: FieldReader) {
  return {
    kernelSize: size2d(config, 'kernel_size'),
    strides: size2d(config, 'strides', 1),
    dilation: size2d(config, 'dilation_rate', 1),
    padding: paddingRule(config),
    useBias: config.boolean('use_bias', true),
  };
}

function pool(config: FieldReader) {
  const poolSize = size2d(config, 'pool_size', 2);
  return {
    poolSize,
    strides: config.has('strides') ? size2d(config, 'strides') : poolSize,
    padding: paddingRule(config),
  };
}

function paddingRule(config: FieldReader): 'same' | 'valid' {
  const rule = config.string('padding', 'valid');
  if (rule === 'same' || rule === 'valid') return rule;
  throw new AppError('MODEL_UNSUPPORTED', `${config.where}: padding '${rule}'`);
}

/** `3` or `[3, 3]`. */
function size2d(config: FieldReader, key: string, fallback?: number): Size2d {
  const raw = config.raw(key);
  const [height, width] = Array.isArray(raw)
    ? config.numbers(key, 2)
    : [config.number(key, fallback), config.number(key, fallback)];
  for (const size of [height, width]) {
    if (!Number.isSafeInteger(size) || size! < 1)
      throw invalid(config, `${key} must be whole numbers from 1`);
  }
  return [height!, width!];
}

/** `1`, `[1, 1]` or `[[top, bottom], [left, right]]`. */
function padding(config: FieldReader) {
  const raw = config.raw('padding');
  const pairs = Array.isArray(raw) ? (raw as readonly unknown[]) : [raw, raw];
  const [[top, bottom], [left, right]] = [0, 1].map((axis) => {
    const pair = pairs[axis];
    const list = Array.isArray(pair) ? (pair as readonly unknown[]) : [pair, pair];
    return [0, 1].map((side) => {
      const size = list[side];
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
        throw invalid(config, 'padding must be whole numbers from 0');
      }
      return size;
    });
  }) as [[number, number], [number, number]];
  return { top, bottom, left, right };
}

/** The shape without the batch, from `batch_input_shape` (Keras 2) or `batch_shape` (Keras 3). */
export function inputShapeOf(config: FieldReader): readonly number[] | undefined {
  const key = ['batch_input_shape', 'batch_shape'].find((candidate) => config.has(candidate));
  if (key === undefined) return undefined;
  const raw = config.raw(key);
  const shape = Array.isArray(raw) ? (raw as readonly unknown[]).slice(1) : [];
  if (shape.length !== 3 || shape[2] !== 3) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${config.where}: takes ${JSON.stringify(raw)}; a picture classifier takes [null, height, width, 3]`,
    );
  }
  // A network of any size says null; 224 is what such networks are published for.
  return shape.map((size) => (typeof size === 'number' ? size : 224));
}

function one(config: FieldReader, inputs: readonly string[]): readonly [string] {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0)
    throw invalid(config, `has ${inputs.length} inputs, expected one`);
  return [input];
}

export function invalid(where: FieldReader, problem: string): AppError {
  return new AppError('MODEL_INVALID', `${where.where}: ${problem}`);
}
