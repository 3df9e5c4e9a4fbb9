// keras-read.ts: the topology of a tf.LayersModel -> a graph. Keras 2 and 3, functional and sequential, models within
// models. A layer's own activation becomes a layer of its own; what finch cannot compute exactly is refused by name.

import { ACTIVATIONS, type Activation, type Graph, type Layer, type Size2d } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import type { Rgb } from '../util/preprocessing.ts';
import { fieldReader, isObject, type FieldReader } from './json.ts';

/** A network deeper than this is no classifier; the bound keeps hostile files from building endless graphs. */
const MAX_LAYERS = 20_000;
/** Models nest a level or two (a sequential around a MobileNet); the bound keeps recursion finite. */
const MAX_NESTING = 8;

export interface KerasGraph {
  readonly graph: Graph;
  /** What a Rescaling layer at the very front does to pixels 0…255, in terms of pixels scaled to 0…1. */
  readonly rescaling?: { readonly mean: Rgb; readonly std: Rgb };
}

/** @param topology `modelTopology` of model.json. @throws AppError MODEL_INVALID or MODEL_UNSUPPORTED */
export function graphOf(topology: unknown, name: string): KerasGraph {
  const top = fieldReader(topology, 'modelTopology');
  const model = top.has('model_config') ? top.object('model_config') : top;
  const reader = new TopologyReader();
  const output = reader.readModel(model, undefined, 0);
  const input = reader.layers.find((layer) => layer.kind === 'input');
  if (!input) throw new AppError('MODEL_INVALID', `${name}: the model has no input layer`);
  return {
    graph: { name, layers: reader.layers, input: input.name, output },
    ...(reader.rescaling && { rescaling: reader.rescaling }),
  };
}

class TopologyReader {
  readonly layers: Layer[] = [];
  rescaling: { readonly mean: Rgb; readonly std: Rgb } | undefined;

  /** Adds a model's layers; `from` is what a nested model is applied to. Returns the name of its output layer. */
  readModel(model: FieldReader, from: string | undefined, depth: number): string {
    if (depth > MAX_NESTING) throw invalid(model, `models are nested more than ${MAX_NESTING} deep`);
    const className = model.string('class_name');
    if (className === 'Sequential') return this.#readSequential(model, from, depth);
    if (className === 'Model' || className === 'Functional') return this.#readFunctional(model, from, depth);
    throw invalid(model, `expected a Sequential or Functional model, received '${className}'`);
  }

  #readSequential(model: FieldReader, from: string | undefined, depth: number): string {
    // The oldest files have the layers themselves as `config`.
    const list = Array.isArray(model.raw('config'))
      ? model.objects('config')
      : model.object('config').objects('layers');
    let current = from;
    for (const layer of list) {
      const config = layer.object('config');
      const shape = inputShapeOf(config);
      if (current === undefined && shape && layer.string('class_name') !== 'InputLayer') {
        current = this.#push({ kind: 'input', name: `${config.string('name', 'model')}_input`, inputs: [], shape });
      }
      const repeatsInput = current !== undefined && layer.string('class_name') === 'InputLayer';
      if (!repeatsInput) current = this.#readLayer(layer, current === undefined ? [] : [current], depth);
    }
    if (current === undefined) throw invalid(model, 'has no layers');
    return current;
  }

  #readFunctional(model: FieldReader, from: string | undefined, depth: number): string {
    const config = model.object('config');
    const inputs = new Set(layerNames(config.raw('input_layers')));
    const [output, ...others] = layerNames(config.raw('output_layers'));
    if (inputs.size !== 1 || output === undefined || others.length > 0) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${model.where}: has ${inputs.size} inputs and ${others.length + (output ? 1 : 0)} outputs; a classifier has one each`,
      );
    }
    /** The model's own names -> names in the graph: a layer with an activation ends under another name than it began. */
    const results = new Map<string, string>();
    const all = config.objects('layers');
    const read = (layer: FieldReader): void => {
      const name = layer.has('name') ? layer.string('name') : layer.object('config').string('name');
      if (inputs.has(name) && from !== undefined) {
        results.set(name, from);
        return;
      }
      const sources = inboundNames(layer).map((source) => {
        const result = results.get(source);
        if (result === undefined) throw invalid(layer, `takes '${source}', which no layer before it is called`);
        return result;
      });
      if (sources.length === 0 && !inputs.has(name)) return; // a layer that is listed but never applied
      results.set(name, this.#readLayer(layer, sources, depth));
    };
    for (const layer of all) read(layer);
    const result = results.get(output);
    if (result === undefined) throw invalid(model, `no layer is called '${output}', the model's output`);
    return result;
  }

  #readLayer(layer: FieldReader, inputs: readonly string[], depth: number): string {
    const className = layer.string('class_name');
    if (['Model', 'Functional', 'Sequential'].includes(className)) {
      return this.readModel(layer, inputs[0], depth + 1);
    }
    const config = layer.object('config');
    if (className === 'Rescaling') return this.#readRescaling(config, inputs);
    const read = Object.hasOwn(READERS, className) ? READERS[className] : undefined;
    if (!read) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${layer.where}: finch does not know layers of class '${className}'. Known: ${Object.keys(READERS).join(', ')}.`,
      );
    }
    if (config.string('data_format', 'channels_last') !== 'channels_last') {
      throw new AppError('MODEL_UNSUPPORTED', `${layer.where}: data_format must be channels_last`);
    }
    const name = config.string('name', layer.has('name') ? layer.string('name') : '');
    const activation = activationOf(config);
    const own = ['Activation', 'Softmax', 'ReLU', 'LeakyReLU', 'ELU', 'InputLayer'].includes(className);
    const separate = !own && activation !== 'linear';
    // The layer's name belongs to what it puts out, which is after its activation.
    const result = this.#push(read(config, separate ? `${name}/linear` : name, inputs));
    return separate ? this.#push({ kind: 'activation', name, inputs: [result], activation }) : result;
  }

  /** Rescaling(scale, offset) right behind the input is a preprocessing: scale p + offset = (p / 255 - mean) / std. */
  #readRescaling(config: FieldReader, inputs: readonly string[]): string {
    const [input] = inputs;
    const first = this.layers.find((layer) => layer.name === input);
    if (input === undefined || first?.kind !== 'input' || this.rescaling) {
      throw new AppError('MODEL_UNSUPPORTED', `${config.where}: Rescaling is known only right behind the input`);
    }
    const scale = perChannel(config, 'scale');
    const offset = perChannel(config, 'offset', 0);
    const std = scale.map((s) => 1 / (255 * s));
    this.rescaling = {
      mean: offset.map((o, c) => -o * std[c]!) as unknown as Rgb,
      std: std as unknown as Rgb,
    };
    return input;
  }

  #push(layer: Layer): string {
    if (this.layers.length >= MAX_LAYERS) {
      throw new AppError('MODEL_UNSUPPORTED', `the model has more than ${MAX_LAYERS} layers`);
    }
    this.layers.push(layer);
    return layer.name;
  }
}

type Read = (config: FieldReader, name: string, inputs: readonly string[]) => Layer;

const READERS: Readonly<Record<string, Read>> = {
  InputLayer: (config, name) => {
    const shape = inputShapeOf(config);
    if (!shape) throw invalid(config, 'the input has no shape');
    return { kind: 'input', name, inputs: [], shape };
  },
  Conv2D: (config, name, inputs) => {
    if (config.number('groups', 1) !== 1) {
      throw new AppError('MODEL_UNSUPPORTED', `${config.where}: grouped convolution`);
    }
    return { kind: 'conv2d', name, inputs: one(config, inputs), filters: config.number('filters'), ...conv(config) };
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
    const axis = Array.isArray(config.raw('axis')) ? config.numbers('axis', 1)[0]! : config.number('axis', -1);
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
    throw new AppError('MODEL_UNSUPPORTED', `${config.where}: ReLU with a slope, a threshold or a maximum other than 6`);
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
    keepDims: config.boolean('keepdims', false),
  }),
  GlobalMaxPooling2D: (config, name, inputs) => ({
    kind: 'globalMaxPooling2d',
    name,
    inputs: one(config, inputs),
    keepDims: config.boolean('keepdims', false),
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

function activationOf(config: FieldReader): Activation {
  const raw = config.raw('activation');
  const name = isObject(raw) ? fieldReader(raw, config.where).string('class_name') : (raw ?? 'linear');
  const known = ACTIVATIONS.find((activation) => activation === name);
  const alias = typeof name === 'string' && Object.hasOwn(ACTIVATION_ALIASES, name) ? ACTIVATION_ALIASES[name] : undefined;
  const found = known ?? alias;
  if (!found) {
    throw new AppError('MODEL_UNSUPPORTED', `${config.where}: finch does not know the activation '${String(name)}'`);
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
    if (!Number.isSafeInteger(size) || size! < 1) throw invalid(config, `${key} must be whole numbers from 1`);
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
function inputShapeOf(config: FieldReader): readonly number[] | undefined {
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

/** `[["input",0,0]]`, `["input",0,0]` -> names. */
function layerNames(raw: unknown): readonly string[] {
  if (!Array.isArray(raw)) return [];
  if (typeof raw[0] === 'string') return [raw[0]];
  return raw.flatMap((entry) => (Array.isArray(entry) && typeof entry[0] === 'string' ? [entry[0]] : []));
}

/** Names of the layers that feed this one: Keras 2's nested lists or Keras 3's recorded call. */
function inboundNames(layer: FieldReader): readonly string[] {
  const nodes = layer.raw('inbound_nodes');
  if (!Array.isArray(nodes) || nodes.length === 0) return [];
  if (nodes.length > 1) {
    throw new AppError('MODEL_UNSUPPORTED', `${layer.where}: is applied ${nodes.length} times; finch takes layers applied once`);
  }
  const node: unknown = nodes[0];
  if (Array.isArray(node)) return layerNames(node);
  const names: string[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_NESTING) return;
    if (Array.isArray(value)) for (const item of value) visit(item, depth + 1);
    else if (isObject(value) && value['class_name'] === '__keras_tensor__') {
      names.push(...layerNames(fieldReader(value['config'], layer.where).raw('keras_history')));
    }
  };
  if (isObject(node)) visit(node['args'], 0);
  return names;
}

function perChannel(config: FieldReader, key: string, fallback?: number): readonly number[] {
  if (Array.isArray(config.raw(key))) return config.numbers(key, 3);
  const value = config.number(key, fallback);
  return [value, value, value];
}

function one(config: FieldReader, inputs: readonly string[]): readonly [string] {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) throw invalid(config, `has ${inputs.length} inputs, expected one`);
  return [input];
}

function invalid(where: FieldReader, problem: string): AppError {
  return new AppError('MODEL_INVALID', `${where.where}: ${problem}`);
}
