// keras-read.ts: the topology of a tf.LayersModel -> a graph. Keras 2 and 3, functional and sequential, models within
// models. A layer's own activation becomes a layer of its own; what finch cannot compute exactly is refused by name.

import { AS_BYTES } from '../graph/byte-input.ts';
import { activationOf } from '../graph/kinds/activation.ts';
import { invalidConfig as invalid } from '../graph/kinds/keras-config.ts';
import { KERAS_CLASSES } from '../graph/kinds/kinds.ts';
import { kerasInputShape } from '../graph/kinds/shape.ts';
import type { KerasPlace } from '../graph/kinds/kind.ts';
import { inferShapes } from '../graph/shapes.ts';
import { plainName } from '../graph/plain-name.ts';
import { weightName, type Graph, type Layer, type WeightRole } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import type { Shape } from '../util/shape.ts';
import { didYouMean } from '../util/names.ts';
import { quoted } from '../util/quoted.ts';
import type { Preprocessing, Rgb } from '../util/preprocessing.ts';
import { fieldReader, isObject, type FieldReader } from './json.ts';
import { layerNames, operandsOf } from './keras-inbound.ts';
import { COMPOSITES, pushRescaling, type GraphUnderWay, type Rescale } from './keras-composites.ts';
import { OPERATION_COMPOSITES } from './keras-operations.ts';

/** Topologies are text of a few hundred kilobytes; the bound keeps JSON.parse from eating all memory. */
export const MAX_JSON_BYTES = 32 * 1024 * 1024;
/** A network deeper than this is no classifier; the bound keeps hostile files from building endless graphs. */
const MAX_LAYERS = 20_000;
/** Of a longer name none is looked for that it may have meant. */
const MAX_CLASS_NAME = 60;
/** A larger scale at the front is of pixels that were divided before: 1/127.5 is of bytes, 1/0.229 of pixels of 0 to 1. */
const MAX_OF_BYTES = 0.1;
/** Models nest a level or two (a sequential around a MobileNet); the bound keeps recursion finite. */
const MAX_NESTING = 8;

export interface KerasGraph {
  readonly graph: Graph;
  /** What a Rescaling layer at the very front does to pixels 0…255, in terms of pixels scaled to 0…1. */
  readonly rescaling?: { readonly mean: Rgb; readonly std: Rgb };
  /** Weights that the topology itself gives, by name: one number for all channels, or one for each. */
  readonly fixed: ReadonlyMap<string, readonly number[]>;
  /** Whose weights a layer has, where that is not its own name: `base/conv1` of the layer conv1 in the model base. */
  readonly owners: ReadonlyMap<string, string>;
}

/**
 * `kept`: finch's own, layers are called as they are. `unprepared`: likewise, of a folder that does not say how pictures are prepared: a
 * rescaling of bytes at the front says that it takes bytes. `plain`: as TensorFlow.js takes it, where others have called them otherwise.
 */
export type LayerNames = 'kept' | 'unprepared' | 'plain';

/**
 * @param topology `modelTopology` of model.json
 * @throws AppError MODEL_INVALID or MODEL_UNSUPPORTED
 */
export function graphOf(topology: unknown, name: string, names: LayerNames = 'plain'): KerasGraph {
  const top = fieldReader(topology, 'modelTopology');
  const model = top.has('model_config') ? top.object('model_config') : top;
  const reader = new TopologyReader(kerasVersion(top), names);
  const output = reader.readModel(model, undefined, []);
  const input = reader.layers.find((layer) => layer.kind === 'input');
  if (!input) throw new AppError('MODEL_INVALID', `${name}: the model has no input layer`);
  return {
    graph: { name, layers: reader.layers, input: input.name, output },
    fixed: reader.fixed,
    owners: reader.owners,
    ...(reader.rescaling && { rescaling: reader.rescaling }),
  };
}

export interface ReadNetwork extends Omit<KerasGraph, 'rescaling'> {
  /** Of a network that rescales pixels itself: the picture at its height and width, without other preprocessing. */
  readonly preprocessing?: Preprocessing;
}

/** As `graphOf`. @throws AppError as it does */
export function networkOf(topology: unknown, name: string, names?: LayerNames): ReadNetwork {
  const { rescaling, ...network } = graphOf(topology, name, names);
  return rescaling ? { ...network, preprocessing: wholePicture(network.graph, rescaling) } : network;
}

function wholePicture(graph: Graph, { mean, std }: NonNullable<KerasGraph['rescaling']>): Preprocessing {
  const input = graph.layers.find((layer) => layer.name === graph.input);
  const [height, width] = input?.kind === 'input' ? (input.shape as readonly [number, number]) : [224, 224];
  const rest = { interpolation: 'bilinear', mean, std } as const;
  if (height === width) return { size: height, resize: height, mode: 'crop', ...rest };
  return { size: [height, width], resize: Math.min(height, width), mode: 'squash', ...rest };
}

/** TensorFlow.js says `tfjs-layers 4.22.0`, and means what Keras 2 does. */
function kerasVersion(top: FieldReader): number {
  const [major] = /^\d+/.exec(top.string('keras_version', '2')) ?? ['2'];
  return Number(major);
}

class TopologyReader implements GraphUnderWay {
  readonly layers: Layer[] = [];
  readonly fixed = new Map<string, readonly number[]>();
  readonly owners = new Map<string, string>();
  readonly #version: number;
  readonly #style: LayerNames;
  /** How often each name was wanted: models within models have layers of the same names. */
  readonly #wanted = new Map<string, number>();
  /** The layer that is being read, by the models around it and its name. */
  #owner = '';
  /** Several layers take the pixels as they come: no one layer is their preparation. */
  #isShared = false;
  rescaling: { readonly mean: Rgb; readonly std: Rgb } | undefined;

  constructor(version: number, style: LayerNames) {
    this.#version = version;
    this.#style = style;
  }

  /** Adds a model's layers; `from` is what a nested model is applied to. Returns the name of its output layer. */
  readModel(model: FieldReader, from: string | undefined, within: readonly string[]): string {
    if (within.length > MAX_NESTING) throw invalid(model, `models are nested more than ${MAX_NESTING} deep`);
    const className = model.string('class_name');
    if (className === 'Sequential') return this.#readSequential(model, from, within);
    if (className === 'Model' || className === 'Functional') return this.#readFunctional(model, from, within);
    throw invalid(model, `expected a Sequential or Functional model, received '${quoted(className)}'`);
  }

  #readSequential(model: FieldReader, from: string | undefined, within: readonly string[]): string {
    // The oldest files have the layers themselves as `config`.
    const list = Array.isArray(model.raw('config'))
      ? model.objects('config')
      : model.object('config').objects('layers');
    let current = from;
    for (const layer of list) {
      const isInput = layer.string('class_name') === 'InputLayer';
      if (isInput && current !== undefined) continue; // a nested model's input is what it is applied to
      // The first layer may carry the input's shape, or the model does; a nested model brings an input of its own.
      if (!isInput && current === undefined && !isModel(layer)) {
        const config = layer.object('config');
        current = this.#readImplicitInput(config, kerasInputShape(config) ?? builtShape(model));
      }
      current = this.#readLayer(layer, current === undefined ? [] : [current], within);
    }
    if (current === undefined) throw invalid(model, 'has no layers');
    return current;
  }

  #readImplicitInput(config: FieldReader, shape: Shape | undefined): string | undefined {
    if (!shape) return undefined;
    return this.#pushInput({
      kind: 'input',
      name: `${config.string('name', 'model')}_input`,
      inputs: [],
      shape,
    });
  }

  /** Pictures have three channels everywhere in finch: a network for grey ones gets their luma, as in ITU-R BT.601. */
  #pushInput(input: Layer & { readonly kind: 'input' }): string {
    const [height, width, channels] = input.shape as readonly [number, number, number];
    const from = this.push({ ...input, shape: [height, width, 3] });
    if (channels === 3) return from;
    const grey = this.push({
      kind: 'conv2d',
      name: `${from}/grey`,
      inputs: [from],
      filters: 1,
      kernelSize: [1, 1],
      strides: [1, 1],
      dilation: [1, 1],
      padding: 'valid',
      useBias: false,
    });
    this.setWeight(grey, 'kernel', [0.299, 0.587, 0.114]);
    return grey;
  }

  #readFunctional(model: FieldReader, from: string | undefined, within: readonly string[]): string {
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
    const uses = all
      .flatMap(operandsOf)
      .filter((operand) => typeof operand === 'string' && inputs.has(operand));
    if (uses.length > 1) this.#isShared = true;
    const read = (layer: FieldReader): void => {
      const name = layer.has('name') ? layer.string('name') : layer.object('config').string('name');
      if (inputs.has(name) && from !== undefined) {
        results.set(name, from);
        return;
      }
      const operands = operandsOf(layer).map((operand) => {
        if (typeof operand !== 'string') return operand;
        const result = results.get(operand);
        if (result === undefined)
          throw invalid(layer, `takes '${quoted(operand)}', which no layer before it is called`);
        return result;
      });
      if (operands.length === 0 && !inputs.has(name)) return; // a layer that is listed but never applied
      results.set(name, this.#readLayer(layer, operands, within));
    };
    for (const layer of all) read(layer);
    const result = results.get(output);
    if (result === undefined)
      throw invalid(model, `no layer is called '${quoted(output)}', the model's output`);
    return result;
  }

  #readLayer(layer: FieldReader, operands: KerasPlace['operands'], within: readonly string[]): string {
    const inputs = operands.filter((operand) => typeof operand === 'string');
    const className = layer.string('class_name');
    if (isModel(layer)) {
      return this.readModel(layer, inputs[0], [...within, nameOf(layer)]);
    }
    const config = layer.object('config');
    const [read, composite] = [KERAS_CLASSES.get(className), COMPOSITES.get(className)];
    if (!read && !composite) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${layer.where}: finch does not know layers of class '${quoted(className)}'${didYouMean(className.slice(0, MAX_CLASS_NAME), [...KERAS_CLASSES.keys(), ...COMPOSITES.keys()])}; docs/models.md lists those that it reads`,
      );
    }
    if (operands.length > inputs.length && !Object.hasOwn(OPERATION_COMPOSITES, className)) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${layer.where}: finch does not know ${quoted(className)} with a number`,
      );
    }
    if (config.string('data_format', 'channels_last') !== 'channels_last') {
      throw new AppError('MODEL_UNSUPPORTED', `${layer.where}: data_format must be channels_last`);
    }
    refuseQuantized(layer, config);
    const name = nameOf(layer);
    this.#owner = [...within, name].join('/');
    const carried = activationOf(config, this.#version);
    const own = [
      'Activation',
      'FinchHardActivation',
      'Softmax',
      'ReLU',
      'LeakyReLU',
      'ELU',
      'InputLayer',
    ].includes(className);
    // TensorFlow.js's pooling knows no keepdims; a reshape says the same.
    const keepsDims = className.startsWith('Global') && config.boolean('keepdims', false);
    const separate = !own && carried.activation !== 'linear';
    // The layer's name belongs to what it puts out, which is after its activation.
    const place = {
      name: separate || keepsDims ? `${name}/linear` : name,
      inputs,
      operands,
      inputShape: () => this.#shapeOf(inputs),
      version: this.#version,
    };
    const result = composite ? composite(config, place, this) : this.#pushRead(read!(config, place));
    if (keepsDims) return this.push({ kind: 'reshape', name, inputs: [result], shape: [1, 1, -1] });
    return separate ? this.push({ kind: 'activation', name, inputs: [result], ...carried }) : result;
  }

  #pushRead(layer: Layer): string {
    return layer.kind === 'input' ? this.#pushInput(layer) : this.push(layer);
  }

  /** Right behind the input this is a preprocessing: scale p + offset = (p / 255 - mean) / std. In finch's own folders it is a layer. */
  rescale(config: FieldReader, place: KerasPlace, by: Rescale): string {
    const isFirst = this.#style !== 'kept' && this.#isFirst(place.inputs) && !by.scale.includes(0);
    const isOfBytes = by.scale.every((scale) => Math.abs(scale) < MAX_OF_BYTES);
    if (isFirst && this.#style === 'unprepared' && isOfBytes) this.rescaling = AS_BYTES;
    if (!isFirst || this.#style === 'unprepared') return pushRescaling(config, place, by, this);
    const [scale, offset] = [rgb(config, by.scale), rgb(config, by.offset)];
    const std = scale.map((s) => 1 / (255 * s));
    this.rescaling = {
      mean: offset.map((o, c) => -o * std[c]!) as unknown as Rgb,
      std: std as unknown as Rgb,
    };
    return place.inputs[0]!;
  }

  #shapeOf([input]: readonly string[]): Shape {
    if (input === undefined) return [];
    return inferShapes({ name: '', layers: this.layers, input, output: input }).get(input)!;
  }

  /** Whether a layer takes pixels as they come. */
  #isFirst([input]: readonly string[]): boolean {
    const first = this.layers.find(({ name }) => name === input);
    return (
      !this.rescaling && !this.#isShared && (first?.kind === 'input' || (input?.endsWith('/grey') ?? false))
    );
  }

  setWeight(layer: string, role: WeightRole, values: readonly number[]): void {
    this.fixed.set(weightName(layer, role), values);
  }

  push(layer: Layer): string {
    if (this.layers.length >= MAX_LAYERS) {
      throw new AppError('MODEL_UNSUPPORTED', `the model has more than ${MAX_LAYERS} layers`);
    }
    const name = this.#free(this.#style === 'plain' ? plainName(layer.name) : layer.name);
    this.layers.push({ ...layer, name });
    if (this.#owner !== name) this.owners.set(name, this.#owner);
    return name;
  }

  /** The name, with a number behind it where it is taken. */
  #free(wanted: string): string {
    const count = this.#wanted.get(wanted) ?? 0;
    this.#wanted.set(wanted, count + 1);
    return count === 0 ? wanted : this.#free(`${wanted}_${count}`);
  }
}

const isModel = (layer: FieldReader) =>
  ['Model', 'Functional', 'Sequential'].includes(layer.string('class_name'));

/** A layer's name: that of its config, which Keras 2 and 3 write, or the one beside it. */
function nameOf(layer: FieldReader): string {
  const config = layer.raw('config');
  const within = isObject(config) && typeof config['name'] === 'string' ? config['name'] : undefined;
  return within ?? (layer.has('name') ? layer.string('name') : '');
}

/** What a model that was built without an input's shape has got since: Keras 2 and Keras 3 keep it in two places. */
function builtShape(model: FieldReader): Shape | undefined {
  const config = model.raw('config');
  const places = [config, model.raw('build_config')].filter(isObject);
  const found = places.map((place) => place['build_input_shape'] ?? place['input_shape']).find(Array.isArray);
  return found && kerasInputShape(fieldReader({ batch_shape: found }, model.where));
}

/** @throws AppError MODEL_UNSUPPORTED for weights of whole numbers, which Keras 3 keeps beside their scales */
function refuseQuantized(layer: FieldReader, config: FieldReader): void {
  const policy = config.raw('dtype');
  const kind = isObject(policy) && typeof policy['class_name'] === 'string' ? policy['class_name'] : '';
  if (!kind.startsWith('Quantized')) return;
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `${layer.where} has quantized weights (${quoted(kind)}); import the model as it was before quantize()`,
  );
}

function rgb(config: FieldReader, values: readonly number[]): readonly number[] {
  if (values.length === 3) return values;
  if (values.length === 1) return [values[0]!, values[0]!, values[0]!];
  throw invalid(config, `has ${values.length} numbers for the channels of a picture, expected one or 3`);
}
