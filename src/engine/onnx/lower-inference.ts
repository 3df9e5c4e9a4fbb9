// lower-inference.ts: a graph -> an ONNX model that computes it. Pixels enter as uint8 [N,H,W,3]; batch norm is folded into
// the convolution before it, padding into the window after it; pictures are NCHW inside and channel-last outside.

import type { Graph, Layer, LayerOf, Padding2d } from '../../graph/layers.ts';
import { inferShapes, type Shapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import type { Shape } from '../../util/shape.ts';
import type { EngineModel, LoadOptions } from '../engine.ts';
import { weightOf } from '../weights.ts';
import { emitActivation } from './activations.ts';
import { Emitter } from './emitter.ts';
import { constantWeight, inLayout, layerTensor } from './names.ts';
import { encodeModel, type Attribute, type OnnxGraph, type ValueInfo } from './proto.ts';
import { packConv, WeightPacker } from './weights.ts';
import {
  consumersOf,
  isAbsorbed,
  windowAttributes,
  windowOf,
  type Convolution,
  type Pooling,
} from './windows.ts';

export interface LoweredModel {
  /** What `model` is the encoding of. */
  readonly graph: OnnxGraph;
  readonly model: Uint8Array;
  /** The bytes behind the model's external initializers. */
  readonly weights: Uint8Array;
  readonly input: 'pixels' | 'features';
  /** Names in the model, and shapes without the batch. */
  readonly outputs: readonly { readonly name: string; readonly shape: Shape }[];
}

/** A layer's output while lowering. Only pictures have two possible layouts; `pad` is zeros that nobody has added yet. */
interface Value {
  readonly tensor: string;
  readonly layout: 'nchw' | 'channelsLast';
  readonly pad?: Padding2d;
}

/**
 * @param names what the outputs are called in the model
 * @throws AppError MODEL_INVALID when the graph is not whole, or an output is no layer of it
 */
export function lowerInference(
  model: EngineModel,
  options: LoadOptions = {},
  names?: readonly string[],
): LoweredModel {
  return new InferenceLowering(model, options).run(names);
}

/** Also the front of a training step: the layers that do not learn. */
export class InferenceLowering {
  readonly #model: EngineModel;
  readonly #graph: Graph;
  readonly #outputs: readonly string[];
  readonly #shapes: Shapes;
  readonly #consumers: ReadonlyMap<string, readonly Layer[]>;
  readonly #values = new Map<string, Value>();
  readonly #emitter: Emitter;
  readonly #packer: WeightPacker;

  constructor(
    model: EngineModel,
    { outputs = [model.graph.output], size }: LoadOptions,
    emitter = new Emitter(),
  ) {
    this.#emitter = emitter;
    this.#model = model;
    this.#graph = model.graph;
    this.#outputs = outputs;
    this.#shapes = inferShapes(model.graph, size && [...size, 3]);
    this.#consumers = consumersOf(model.graph);
    let bytes = 0;
    for (const weight of model.weights.values()) bytes += weight.data.byteLength + 64;
    this.#packer = new WeightPacker(bytes, emitter);
  }

  /** Emits everything that the outputs need. */
  emit(): void {
    for (const layer of this.#needed()) {
      if (!this.#values.has(layer.name)) this.#values.set(layer.name, this.#lower(layer));
    }
  }

  /** What was emitted for a layer: pictures NCHW, all else as the graph has it. */
  tensorOf(layer: string): string {
    const isPicture = this.#shapes.get(layer)!.length === 3;
    return (isPicture ? this.#nchw(layer) : this.#channelsLast(layer)).tensor;
  }

  /** The constants in the buffer beside the model, and the buffer. */
  get packed(): Pick<WeightPacker, 'initializers' | 'bytes'> {
    return this.#packer;
  }

  run(names: readonly string[] = this.#outputs.map((_, i) => `output${i}`)): LoweredModel {
    const inputShape = this.#shapes.get(this.#graph.input)!;
    const input = inputShape.length === 1 ? 'features' : 'pixels';
    this.#emitter.declare(input);
    this.emit();
    const outputs = this.#outputs.map((layer, i) => this.#emitOutput(layer, names[i]!));
    const graph: OnnxGraph = {
      name: this.#graph.name,
      nodes: this.#emitter.nodes,
      initializers: [...this.#packer.initializers, ...this.#emitter.constants],
      inputs: [{ name: input, type: input === 'pixels' ? 'uint8' : 'float32', shape: ['N', ...inputShape] }],
      outputs,
    };
    return {
      graph,
      model: encodeModel(graph),
      weights: this.#packer.bytes,
      input,
      outputs: outputs.map(({ name }, i) => ({ name, shape: this.#shapes.get(this.#outputs[i]!)! })),
    };
  }

  /** The layers that the wanted outputs depend on, in the graph's order. */
  #needed(): readonly Layer[] {
    const needed = new Set(this.#outputs);
    for (const name of needed) {
      if (!this.#shapes.has(name)) {
        throw new AppError('MODEL_INVALID', `${this.#graph.name} has no layer '${name}'`);
      }
    }
    const layers: Layer[] = [];
    for (const layer of this.#graph.layers.toReversed()) {
      if (!needed.has(layer.name)) continue;
      layers.push(layer);
      for (const input of layer.inputs) needed.add(input);
    }
    return layers.reverse();
  }

  #lower(layer: Layer): Value {
    switch (layer.kind) {
      case 'input':
        return layer.shape.length === 1
          ? { tensor: 'features', layout: 'channelsLast' }
          : this.#lowerPixels();
      case 'conv2d':
      case 'depthwiseConv2d':
        return this.#lowerConvolution(layer);
      case 'batchNormalization':
        return this.#lowerBatchNormalization(layer);
      case 'activation':
        return this.#lowerActivation(layer);
      case 'zeroPadding2d':
        return this.#lowerPadding(layer);
      case 'maxPooling2d':
        return this.#lowerPooling('MaxPool', layer);
      case 'averagePooling2d':
        return this.#lowerPooling('AveragePool', layer);
      case 'globalAveragePooling2d':
        return this.#lowerGlobalPooling('GlobalAveragePool', layer);
      case 'globalMaxPooling2d':
        return this.#lowerGlobalPooling('GlobalMaxPool', layer);
      case 'dense':
        return this.#lowerDense(layer);
      case 'add':
        return this.#lowerElementwise('Add', layer);
      case 'multiply':
        return this.#lowerElementwise('Mul', layer);
      case 'concatenate':
        return this.#lowerConcatenate(layer);
      case 'flatten':
      case 'reshape':
        return this.#lowerReshape(layer);
      case 'dropout':
        return this.#value(layer.inputs[0]);
      default:
        throw new Error(`no lowering for ${(layer satisfies never as Layer).kind}`);
    }
  }

  /** uint8 NHWC -> normalised NCHW: (x / 255 - mean) / std = a x + b, a and b for each channel. */
  #lowerPixels(): Value {
    const { mean, std } = this.#model;
    const transposed = this.#emit('Transpose', ['pixels'], undefined, { perm: [0, 3, 1, 2] });
    const floats = this.#emit('Cast', [transposed], undefined, { to: 1 });
    const factor = this.#emitter.floats(
      [1, 3, 1, 1],
      std.map((s) => 1 / (255 * s)),
    );
    const term = this.#emitter.floats(
      [1, 3, 1, 1],
      mean.map((m, c) => -m / std[c]!),
    );
    const scaled = this.#emit('Mul', [floats, factor]);
    return { tensor: this.#emit('Add', [scaled, term], layerTensor(this.#graph.input)), layout: 'nchw' };
  }

  #lowerConvolution(layer: Convolution): Value {
    const norm = this.#soleConsumer(layer, 'batchNormalization');
    const weights = packConv(layer, norm, this.#model.weights, this.#packer);
    const input = this.#nchw(layer.inputs[0], 'keepPad');
    const channels = this.#shapes.get(layer.inputs[0])!.at(-1)!;
    const tensor = this.#emit('Conv', [input.tensor, ...weights], layerTensor(norm?.name ?? layer.name), {
      ...windowAttributes(windowOf(layer, this.#shapes.get(layer.inputs[0])!, input.pad)),
      group: layer.kind === 'depthwiseConv2d' ? channels : (layer.groups ?? 1),
    });
    const value: Value = { tensor, layout: 'nchw' };
    if (norm) this.#values.set(norm.name, value);
    return value;
  }

  #lowerBatchNormalization(layer: LayerOf<'batchNormalization'>): Value {
    const input = this.#channelsSecond(layer.inputs[0]);
    const channels = this.#shapes.get(layer.name)!.at(-1)!;
    const constant = (
      role: 'gamma' | 'beta' | 'moving_mean' | 'moving_variance',
      present: boolean,
      or: number,
    ) =>
      this.#emitter.floats(
        [channels],
        present
          ? weightOf(this.#model.weights, layer, role).data
          : Array.from({ length: channels }, () => or),
      );
    const tensor = this.#emit(
      'BatchNormalization',
      [
        input.tensor,
        constant('gamma', layer.scale, 1),
        constant('beta', layer.center, 0),
        constant('moving_mean', true, 0),
        constant('moving_variance', true, 1),
      ],
      layerTensor(layer.name),
      { epsilon: { float: layer.epsilon } },
    );
    return { ...input, tensor };
  }

  #lowerActivation(layer: LayerOf<'activation'>): Value {
    const input = this.#value(layer.inputs[0]);
    const channelAxis = input.layout === 'nchw' ? 1 : -1;
    const name = layerTensor(layer.name);
    return { ...input, tensor: emitActivation(this.#emitter, layer, input.tensor, { channelAxis, name }) };
  }

  /** Left to the windows behind it where they can pad themselves, which costs nothing. */
  #lowerPadding(layer: LayerOf<'zeroPadding2d'>): Value {
    const input = this.#nchw(layer.inputs[0]);
    const absorbed = isAbsorbed(layer, this.#graph, this.#consumers.get(layer.name) ?? []);
    if (absorbed && !this.#outputs.includes(layer.name)) return { ...input, pad: layer.pad };
    const { top, left, bottom, right } = layer.pad;
    const pads = this.#emitter.int64s([0, 0, top, left, 0, 0, bottom, right]);
    return { ...input, tensor: this.#emit('Pad', [input.tensor, pads], layerTensor(layer.name)) };
  }

  #lowerPooling(op: 'MaxPool' | 'AveragePool', layer: Pooling): Value {
    const input = this.#nchw(layer.inputs[0], 'keepPad');
    const { dilations: _, ...window } = windowAttributes(
      windowOf(layer, this.#shapes.get(layer.inputs[0])!, input.pad),
    );
    const tensor = this.#emit(op, [input.tensor], layerTensor(layer.name), window);
    return { tensor, layout: 'nchw' };
  }

  #lowerGlobalPooling(
    op: string,
    layer: LayerOf<'globalAveragePooling2d'> | LayerOf<'globalMaxPooling2d'>,
  ): Value {
    const input = this.#nchw(layer.inputs[0]);
    const pooled = this.#emit(op, [input.tensor]);
    const tensor = this.#emit('Flatten', [pooled], layerTensor(layer.name), { axis: 1 });
    return { tensor, layout: 'channelsLast' };
  }

  #lowerDense(layer: LayerOf<'dense'>): Value {
    const input = this.#channelsLast(layer.inputs[0]);
    const kernel = weightOf(this.#model.weights, layer, 'kernel');
    const [name, kernelName, biasName] = [
      layerTensor(layer.name),
      constantWeight(layer.name, 'kernel'),
      constantWeight(layer.name, 'bias'),
    ];
    this.#packer.add(kernelName, kernel.shape).set(kernel.data);
    const operands = [input.tensor, kernelName];
    const bias = layer.useBias ? weightOf(this.#model.weights, layer, 'bias') : undefined;
    if (bias) this.#packer.add(biasName, bias.shape).set(bias.data);
    if (this.#shapes.get(layer.inputs[0])!.length === 1) {
      const all = bias ? [...operands, biasName] : operands;
      return { tensor: this.#emit('Gemm', all, name), layout: 'channelsLast' };
    }
    const product = this.#emit('MatMul', operands, bias ? undefined : name);
    const tensor = bias ? this.#emit('Add', [product, biasName], name) : product;
    return { tensor, layout: 'channelsLast' };
  }

  #lowerElementwise(op: 'Add' | 'Mul', layer: LayerOf<'add'> | LayerOf<'multiply'>): Value {
    const { values, layout } = this.#alike(layer.inputs);
    let tensor = values[0]!;
    values.slice(1).forEach((value, i) => {
      const last = i === values.length - 2;
      tensor = this.#emit(op, [tensor, value], last ? layerTensor(layer.name) : undefined);
    });
    return { tensor, layout };
  }

  #lowerConcatenate(layer: LayerOf<'concatenate'>): Value {
    const { values, layout } = this.#alike(layer.inputs);
    const axis = layout === 'nchw' ? 1 : -1;
    return { tensor: this.#emit('Concat', values, layerTensor(layer.name), { axis }), layout };
  }

  #lowerReshape(layer: LayerOf<'reshape'> | LayerOf<'flatten'>): Value {
    const input = this.#channelsLast(layer.inputs[0]);
    const shape = this.#shapes.get(layer.name)!;
    const [height, width, channels] = shape;
    // A vector that becomes a picture of one pixel (squeeze and excite) is NCHW as well as it is channel-last.
    const onePixel = this.#shapes.get(layer.inputs[0])!.length === 1 && height === 1 && width === 1;
    const target = this.#emitter.int64s(onePixel ? [-1, channels!, 1, 1] : [-1, ...shape]);
    const tensor = this.#emit('Reshape', [input.tensor, target], layerTensor(layer.name));
    return { tensor, layout: onePixel ? 'nchw' : 'channelsLast' };
  }

  #emitOutput(layer: string, name: string): ValueInfo {
    this.#emit('Identity', [this.#channelsLast(layer).tensor], name);
    return { name, type: 'float32', shape: ['N', ...this.#shapes.get(layer)!] };
  }

  /** The only layer that takes this one's output, if it is of that kind and nobody else wants to see the output. */
  #soleConsumer<K extends Layer['kind']>(layer: Layer, kind: K): LayerOf<K> | undefined {
    const [next, ...others] = this.#consumers.get(layer.name) ?? [];
    if (next?.kind !== kind || others.length > 0 || this.#outputs.includes(layer.name)) return undefined;
    return next as LayerOf<K>;
  }

  #value(layer: string): Value {
    const value = this.#values.get(layer);
    if (!value) throw new Error(`'${layer}' is used before it is lowered`);
    return value;
  }

  #nchw(layer: string, pad?: 'keepPad'): Value {
    const value = this.#value(layer);
    if (value.pad && !pad) throw new Error(`'${layer}' was left unpadded for a layer that does not pad`);
    return value.layout === 'nchw' ? value : this.#transposed(value, 'nchw');
  }

  #channelsLast(layer: string): Value {
    const value = this.#value(layer);
    return value.layout === 'channelsLast' ? value : this.#transposed(value, 'channelsLast');
  }

  /** Vectors are `[N,C]` as they are; pictures have to be NCHW. */
  #channelsSecond(layer: string): Value {
    return this.#shapes.get(layer)!.length === 1 ? this.#value(layer) : this.#nchw(layer);
  }

  #transposed(value: Value, layout: Value['layout']): Value {
    const perm = layout === 'nchw' ? [0, 3, 1, 2] : [0, 2, 3, 1];
    const name = inLayout(value.tensor, layout);
    if (!this.#emitter.nodes.some((node) => node.outputs[0] === name)) {
      this.#emit('Transpose', [value.tensor], name, { perm });
    }
    return { tensor: name, layout };
  }

  /** Several values in one layout: pictures as NCHW when all of them are, else channel-last. */
  #alike(layers: readonly string[]): {
    readonly values: readonly string[];
    readonly layout: Value['layout'];
  } {
    const layout = layers.every((layer) => this.#value(layer).layout === 'nchw') ? 'nchw' : 'channelsLast';
    const convert = layout === 'nchw' ? this.#nchw.bind(this) : this.#channelsLast.bind(this);
    return { values: layers.map((layer) => convert(layer).tensor), layout };
  }

  #emit(
    op: string,
    inputs: readonly string[],
    name?: string,
    attributes?: Readonly<Record<string, Attribute>>,
  ): string {
    return this.#emitter.emit(op, inputs, attributes, name === undefined ? {} : { name });
  }
}
