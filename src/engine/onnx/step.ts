// step.ts: what a gradient rule sees of the training step that is being written: values with their layout, the weights of its
// layer, and where gradients and new statistics go. It knows no kind of layer.

import { consumersOf } from '../../graph/consumers.ts';
import type { Graph, Layer, Padding2d, Size2d, WeightRole } from '../../graph/layers.ts';
import { weightName } from '../../graph/layers.ts';
import type { Shapes } from '../../graph/shapes.ts';
import { elementCount, sameShape, type Shape } from '../../util/shape.ts';
import { graphOrder, NCHW, permOf, type Axes } from './axes.ts';
import { addedByConvolution, fromBlocked, scaledAndShifted, toBlocked, type Pending } from './blocked.ts';
import type { Emitter } from './emitter.ts';
import { reordered } from './names.ts';

/**
 * A layer's output, or the gradient of one. All sizes of a step are known, also the size of the batch.
 * Pictures are NCHW; blocked ones hold the same numbers as `[N,C/B,H,W,B]` under the same NCHW shape. Others are as in the graph.
 * Where `axes` are given, the tensor has them in that order instead.
 */
export interface Value {
  readonly tensor: string;
  /** The layer's shape, without the batch: `[H,W,C]` of a picture. */
  readonly shape: Shape;
  readonly blocked?: boolean;
  /** Never those of a blocked picture. */
  readonly axes?: Axes;
  /** Work that still has to be done on the tensor; `Step.settled` does it. Only blocked pictures have it. */
  readonly pending?: Pending;
  /** Zeros that are not added yet: the windows after this layer add them. */
  readonly pad?: Padding2d;
  /** `[C]` numbers that were subtracted from the picture. Only a picture that nothing but a norm reads has them. */
  readonly lessBy?: string;
  /** The tensor has only the first of so many rows and columns, and the others are 0. Only gradients in blocks have it, before they are used. */
  readonly apart?: Size2d;
}

/** A lowered layer: its output, and how the output's gradient becomes the gradients of the inputs. */
export interface Lowered {
  readonly output: Value;
  /**
   * Also hands the gradients of the layer's weights to the step.
   * @param wanted which inputs need a gradient
   */
  readonly backward: (gradient: Value, wanted: readonly boolean[]) => readonly (Value | undefined)[];
}

/**
 * Rules get plain inputs and gradients, pictures as NCHW. What a rule takes besides is in `rules.ts`: pictures in blocks, or values
 * in blocks and in any order of axes.
 */
export type Rule<L extends Layer> = (layer: L, inputs: readonly [Value, ...Value[]], step: Step) => Lowered;

/** onnx's type number of float32, as Cast takes it. */
export const FLOAT = 1;

interface StepOptions {
  readonly emitter: Emitter;
  readonly graph: Graph;
  /** The shapes of every layer, without the batch. */
  readonly shapes: Shapes;
  readonly batch: number;
  readonly batchNorm: 'train' | 'frozen';
  readonly block: number;
}

export class Step {
  /** Gradients of weights, and the new values of running statistics, by variable. */
  readonly gradients = new Map<string, string>();
  readonly statistics = new Map<string, string>();
  /** Masks that dropout takes as inputs: factors of this shape, 0 or 1 / (1 - rate). */
  readonly masks: { readonly name: string; readonly shape: Shape; readonly rate: number }[] = [];

  /** Gradients that are 0 already wherever the ReLU that they come to puts out 0: it passes them on as they are. */
  readonly rectified = new Set<string>();

  /**
   * Of gradients in blocks that are interleaved from phases: the phase that holds the first of so many rows and columns, which only
   * the gradient itself is made of.
   */
  readonly firstPhases = new Map<string, { readonly tensor: string; readonly strides: Size2d }>();

  readonly emitter: Emitter;
  readonly graph: Graph;
  readonly consumers: ReadonlyMap<string, readonly Layer[]>;
  readonly shapes: Shapes;
  readonly batch: number;
  readonly batchNorm: 'train' | 'frozen';
  /** Channels in a block; 0 in the portable lowering, which has no blocked pictures. */
  readonly block: number;
  readonly #settled = new Map<Value, Value>();
  readonly #plain = new Map<Value, Value>();
  readonly #nhwc = new Map<Value, Value>();
  /** How tensors are made a second time, and those that have been. */
  readonly #makers = new Map<string, () => string>();
  readonly #anew = new Map<string, string>();
  /** Transposes by what they transpose and how. */
  readonly #reordered = new Map<string, string>();

  constructor({ emitter, graph, shapes, batch, batchNorm, block }: StepOptions) {
    this.emitter = emitter;
    this.graph = graph;
    this.consumers = consumersOf(graph);
    this.shapes = shapes;
    this.batch = batch;
    this.batchNorm = batchNorm;
    this.block = block;
  }

  /** The input that carries a layer's weight. Kernels of convolutions are OIHW, all other weights are as in the graph. */
  weight(layer: Layer, role: WeightRole): string {
    return weightName(layer.name, role);
  }

  setGradient(layer: Layer, role: WeightRole, tensor: string): void {
    this.gradients.set(weightName(layer.name, role), tensor);
  }

  setStatistic(layer: Layer, role: WeightRole, tensor: string): void {
    this.statistics.set(weightName(layer.name, role), tensor);
  }

  mask(layer: Layer, shape: Shape, rate: number): string {
    const name = `${layer.name}/mask`;
    this.masks.push({ name, shape, rate });
    return name;
  }

  /** Says how gradients can have a tensor made a second time, so that the forward pass does not keep it for them. */
  canMakeAnew(tensor: string, make: () => string): void {
    this.#makers.set(tensor, make);
  }

  /** A tensor of the forward pass as gradients read it. */
  forGradient(tensor: string): string {
    const known = this.#anew.get(tensor) ?? this.#makers.get(tensor)?.() ?? tensor;
    this.#anew.set(tensor, known);
    return known;
  }

  /** The tensor's shape, with the batch. */
  tensorShape(value: Value): Shape {
    return axesOf(value).map((axis) => (axis === 0 ? this.batch : value.shape[axis - 1]!));
  }

  /**
   * The same numbers, their sizes said, which the runtime is not told elsewhere (see `inputInfo`): only when it knows that two tensors
   * have one size may an operator write its result over what it reads for the last time.
   */
  sized(tensor: string, value: Value): string {
    return this.emitter.reshape(tensor, this.tensorShape(value));
  }

  /**
   * The shape of a picture as [N,C/B,H,W,B], where B = 1 without blocks. Rows and columns are always axes 2 and 3.
   * @param size the picture's size, by default its own
   */
  places({ shape, blocked }: Value, size: readonly [number, number] = [shape[0]!, shape[1]!]): Shape {
    const block = blocked ? this.block : 1;
    return [this.batch, shape[2]! / block, ...size, block];
  }

  /** The axis of channels in the tensor. */
  channelAxis(value: Value): number {
    return axesOf(value).indexOf(value.shape.length);
  }

  /** All other axes, the batch's among them. */
  otherAxes(value: Value): readonly number[] {
    const channelAxis = this.channelAxis(value);
    return this.tensorShape(value).flatMap((_, axis) => (axis === channelAxis ? [] : [axis]));
  }

  /**
   * The sum of two gradients of one value. It is blocked when one of them is blocked.
   * @param isNew whether nothing reads b yet: then the convolution that puts it out may add a to it, if that was there before
   */
  sum(a: Value, b: Value, isNew: boolean): Value {
    const first = this.firstPhases.get(b.tensor);
    const isPart = isNew && first && a.apart && sameShape(a.apart, first.strides);
    if (isPart && addedByConvolution(this.emitter, first.tensor, a.tensor)) return b;
    if (a.apart || b.apart) return this.sum(this.whole(a), this.whole(b), isNew);
    if (a.blocked || b.blocked) {
      const [one, other] = [this.blocked(a), this.blocked(b)];
      const tensor = isNew ? addedByConvolution(this.emitter, other.tensor, one.tensor) : undefined;
      return { ...one, tensor: tensor ?? this.emitter.add(one.tensor, other.tensor) };
    }
    return { ...a, tensor: this.emitter.add(a.tensor, this.inAxes(b, axesOf(a)).tensor) };
  }

  /** A gradient with all its rows and columns. */
  whole(value: Value): Value {
    const { apart, ...rest } = value;
    if (!apart) return value;
    const e = this.emitter;
    const [rows, columns] = [0, 1].map((axis) => Math.ceil(value.shape[axis]! / apart[axis]!)) as [number, number]; // prettier-ignore
    const [batch, blocks, , , block] = this.places(value) as [number, number, number, number, number];
    const split = e.reshape(value.tensor, [batch, blocks, rows, 1, columns, 1, block]);
    const between = e.int64s([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, apart[0] - 1, 0, apart[1] - 1, 0]);
    const [height, width] = [rows * apart[0], columns * apart[1]];
    const wide = e.reshape(e.emit('Pad', [split, between]), [batch, blocks, height, width, block]);
    // Negative padding cuts places off.
    const around = [0, 0, 0, 0, 0, 0, 0, value.shape[0]! - height, value.shape[1]! - width, 0];
    const fitted = around.every((n) => n === 0) ? wide : e.emit('Pad', [wide, e.int64s(around)]);
    return { ...rest, tensor: e.reshape(fitted, this.tensorShape(value)) };
  }

  /** Whether pictures of so many channels have a blocked form. */
  isBlockable(channels: number): boolean {
    return this.block > 0 && channels % this.block === 0;
  }

  /** The value after all pending work is done. */
  settled(value: Value): Value {
    const { pending, ...rest } = value;
    if (!pending) return value;
    return once(this.#settled, value, () => ({
      ...rest,
      tensor: scaledAndShifted(this.emitter, value.tensor, value.shape.at(-1)!, pending),
    }));
  }

  /** The value as NCHW if it is a picture, else as in the graph. */
  plain(value: Value): Value {
    return this.inAxes(value, usualOrder(value.shape));
  }

  /** The value outside blocks, its axes in this order. */
  inAxes(value: Value, axes: Axes): Value {
    if (value.blocked) {
      const isNhwc = sameShape(axes, graphOrder(value.shape));
      return isNhwc ? this.#fromBlocks(value, 'nhwc') : this.inAxes(this.#fromBlocks(value, 'nchw'), axes);
    }
    const perm = permOf(axesOf(value), axes);
    if (!perm) return value;
    const key = reordered(value.tensor, perm);
    const tensor = this.#reordered.get(key) ?? this.emitter.transpose(value.tensor, perm);
    this.#reordered.set(key, tensor);
    return { ...value, tensor, axes };
  }

  #fromBlocks(value: Value, order: 'nchw' | 'nhwc'): Value {
    return once(order === 'nhwc' ? this.#nhwc : this.#plain, value, () => {
      const { blocked: _, ...rest } = this.settled(value);
      const tensor = fromBlocked(this.emitter, rest.tensor, value.shape.at(-1)!, order);
      return { ...rest, tensor, axes: order === 'nhwc' ? graphOrder(value.shape) : NCHW };
    });
  }

  /** The value in the form of another one: in blocks, or with its axes in the same order. */
  like(value: Value, other: Value): Value {
    return other.blocked ? this.blocked(value) : this.inAxes(value, axesOf(other));
  }

  /** The value in blocks, settled. Its channels have to fill the blocks. */
  blocked(value: Value): Value {
    if (value.blocked) return this.settled(value);
    return once(this.#settled, value, () => {
      const isNhwc = sameShape(axesOf(value), graphOrder(value.shape));
      const { axes: _, ...plain } = isNhwc ? value : this.plain(value);
      const tensor = toBlocked(this.emitter, plain.tensor, isNhwc ? 'nhwc' : 'nchw');
      return { ...plain, blocked: true, tensor };
    });
  }

  /** `[C]` numbers in a shape that broadcasts over the value. */
  perChannel(tensor: string, value: Value): string {
    const shape = this.tensorShape(value).map((size, axis) => (axis === this.channelAxis(value) ? size : 1));
    return this.emitter.reshape(tensor, shape);
  }

  /** How many numbers of a batch share a channel. */
  countPerChannel(value: Value): number {
    return elementCount(this.tensorShape(value)) / value.shape.at(-1)!;
  }

  /** The value in the graph's order, a picture as `[N,H,W,C]`. */
  channelsLast(value: Value): Value {
    return this.inAxes(value, graphOrder(value.shape));
  }

  /** Sums a gradient over the axes along which a smaller input was broadcast. */
  sumTo(gradient: string, from: Value, to: Value): string {
    const [wide, narrow] = [this.tensorShape(from), this.tensorShape(to)];
    const axes = wide.flatMap((size, axis) => (narrow[axis] === 1 && size > 1 ? [axis] : []));
    return axes.length === 0 ? gradient : this.emitter.reduceSum(gradient, axes, true);
  }
}

/** The order in which a tensor has the axes of its layer. */
export function axesOf({ axes, shape }: Value): Axes {
  return axes ?? usualOrder(shape);
}

const usualOrder = (shape: Shape): Axes => (shape.length === 3 ? NCHW : graphOrder(shape));

function once(made: Map<Value, Value>, value: Value, make: () => Value): Value {
  const known = made.get(value);
  if (known) return known;
  const result = make();
  made.set(value, result);
  return result;
}
