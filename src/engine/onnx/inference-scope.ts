// inference-scope.ts: what a lowering rule sees of the inference graph that is being written: values with their layout, shapes,
// weights, and which layers are outputs. It knows no kind of layer.

import { consumersOf } from '../../graph/consumers.ts';
import type { Graph, Layer, LayerKind, LayerOf, Padding2d } from '../../graph/layers.ts';
import { inferShapes, type Shapes } from '../../graph/shapes.ts';
import { affineOf, type Affine } from '../../quantization/affine.ts';
import { sourceOf } from '../../quantization/units.ts';
import { sameShape, type Shape } from '../../util/shape.ts';
import type { EngineModel, LoadOptions } from '../engine.ts';
import { graphOrder, NCHW, permOf, type Axes } from './axes.ts';
import type { Emitter } from './emitter.ts';
import { ForeignNodes } from './foreign-nodes.ts';
import { asBytes, asFloats, layerTensor, reordered } from './names.ts';
import type { Attribute } from '../../formats/onnx-writer.ts';
import { WeightPacker } from './weights.ts';

/** A layer's output while lowering, its axes in any order; `pad` is zeros that are not added yet. */
export interface Value {
  readonly tensor: string;
  readonly axes: Axes;
  readonly pad?: Padding2d;
  /** The tensor is bytes, which stand for these numbers. */
  readonly affine?: Affine;
}

/** Bytes, channel-last. */
export type ByteValue = Value & Required<Pick<Value, 'affine'>>;

/** How a layer becomes onnx operators. */
export type Lowering<L extends Layer> = (layer: L, scope: InferenceScope) => Value;

export class InferenceScope {
  readonly model: EngineModel;
  readonly graph: Graph;
  readonly shapes: Shapes;
  readonly outputs: readonly string[];
  /** The input is numbers that are normalised already. */
  readonly isNormalised: boolean;
  readonly emitter: Emitter;
  readonly packer: WeightPacker;
  /** The network behind `onnx` layers. */
  readonly foreign: ForeignNodes | undefined;
  readonly consumers: ReadonlyMap<string, readonly Layer[]>;
  readonly #values = new Map<string, Value>();
  readonly #layers: ReadonlyMap<string, Layer>;
  /** Tensors in another order or type that are there already. */
  readonly #derived = new Set<string>();

  constructor(
    model: EngineModel,
    { outputs = [model.graph.output], size, normalised = false }: Omit<LoadOptions, 'onDivided'>,
    emitter: Emitter,
  ) {
    this.model = model;
    this.graph = model.graph;
    this.outputs = outputs;
    this.isNormalised = normalised;
    this.emitter = emitter;
    this.shapes = inferShapes(model.graph, size && [...size, 3]);
    this.consumers = consumersOf(model.graph);
    this.#layers = new Map(model.graph.layers.map((layer) => [layer.name, layer]));
    let bytes = 0;
    for (const weight of model.weights.values()) bytes += weight.data.byteLength + 64;
    this.packer = new WeightPacker(bytes, emitter);
    this.foreign = model.foreign && new ForeignNodes(model.foreign, emitter, this.packer);
  }

  shapeOf(layer: string): Shape {
    return this.shapes.get(layer)!;
  }

  has(layer: string): boolean {
    return this.#values.has(layer);
  }

  set(layer: string, value: Value): void {
    this.#values.set(layer, value);
  }

  /** The value as it was made: numbers, or bytes. */
  held(layer: string): Value {
    const value = this.#values.get(layer);
    if (!value) throw new Error(`'${layer}' is used before it is lowered`);
    return value;
  }

  /** The value as numbers. */
  value(layer: string): Value {
    return this.#floats(this.held(layer));
  }

  #floats({ affine, ...value }: Value): Value {
    if (!affine) return value;
    const operands = [value.tensor, ...this.affineOperands(affine)];
    return { ...value, tensor: this.#derive(asFloats(value.tensor), 'DequantizeLinear', operands) };
  }

  /** The value as bytes, channel-last; undefined where nobody knows its range. The caller adds the zeros that are still to be added. */
  bytes(layer: string): ByteValue | undefined {
    const { affine, ...held } = this.held(layer);
    if (affine) return { ...held, affine };
    const range = this.model.quantization?.ranges.get(sourceOf(layer, this.#layers));
    if (!range) return undefined;
    const made = affineOf(range);
    const tensor = this.#derive(asBytes(held.tensor), 'QuantizeLinear', [held.tensor, ...this.affineOperands(made)]); // prettier-ignore
    // A fourth of what the numbers would be is moved.
    return { ...this.#inAxes({ ...held, tensor }, graphOrder(this.shapeOf(layer))), affine: made };
  }

  /** The operands by which onnx's operators know what bytes stand for. */
  affineOperands({ scale, zero }: Affine): readonly [scale: string, zero: string] {
    return [this.emitter.scalar(scale), this.emitter.byte('uint8', zero)];
  }

  /** @param pad `keepPad`: the caller adds the zeros that are still to be added */
  nchw(layer: string, pad?: 'keepPad'): Value {
    const value = this.held(layer);
    if (value.pad && !pad) throw new Error(`'${layer}' was left unpadded for a layer that does not pad`);
    return this.#floats(this.#inAxes(value, NCHW));
  }

  channelsLast(layer: string): Value {
    return this.inAxes(layer, graphOrder(this.shapeOf(layer)));
  }

  inAxes(layer: string, axes: Axes): Value {
    return this.#floats(this.#inAxes(this.held(layer), axes));
  }

  /** The value as NCHW if it is a picture; a vector stays `[N,C]`. */
  channelsSecond(layer: string): Value {
    return this.shapeOf(layer).length === 1 ? this.value(layer) : this.nchw(layer);
  }

  /** Several values in one order: that of all, or NCHW when one of them has it, else the graph's. */
  alike(layers: readonly string[]): { readonly tensors: readonly string[]; readonly axes: Axes } {
    const orders = layers.map((layer) => this.value(layer).axes);
    const first = orders[0]!;
    const isOne = orders.every((order) => sameShape(order, first));
    const isPicture = orders.some((order) => sameShape(order, NCHW));
    const axes = isOne ? first : isPicture ? NCHW : graphOrder(this.shapeOf(layers[0]!));
    return { tensors: layers.map((layer) => this.inAxes(layer, axes).tensor), axes };
  }

  /** Emits the operator whose output is the layer's. */
  emitFor(
    layer: string,
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
  ): string {
    return this.emitter.emit(op, inputs, attributes, { name: layerTensor(layer) });
  }

  /** The only layer that uses this one's output, if it is of that kind and the output is not an output of the model too. */
  soleConsumer<K extends LayerKind>(layer: Layer, kind: K): LayerOf<K> | undefined {
    const [next, ...others] = this.consumers.get(layer.name) ?? [];
    if (next?.kind !== kind || others.length > 0 || this.outputs.includes(layer.name)) return undefined;
    return next as LayerOf<K>;
  }

  #inAxes(value: Value, axes: Axes): Value {
    const perm = permOf(value.axes, axes);
    if (!perm) return value;
    const tensor = this.#derive(reordered(value.tensor, perm), 'Transpose', [value.tensor], { perm });
    return { ...value, tensor, axes };
  }

  #derive(
    name: string,
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
  ): string {
    if (!this.#derived.has(name)) this.emitter.emit(op, inputs, attributes, { name });
    this.#derived.add(name);
    return name;
  }
}
