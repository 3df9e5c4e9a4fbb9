// kind.ts: what describes a kind of layer without computing it: its shapes, weights and cost, its names in torch and in Keras.
// Each kind is one entry of the table in kinds.ts; each engine has a rule that computes it.

import { AppError } from '../../util/errors.ts';
import { formatShape, type Shape } from '../../util/shape.ts';
import type { AnyLayer, WeightRole, WeightShapes } from './base.ts';
import type { KerasConfig } from './keras-config.ts';
import { quoted } from '../../util/quoted.ts';

export interface Kind<L extends AnyLayer> {
  /**
   * The shape that the layer puts out, without the batch. Every kind except `input` has at least one input.
   * @throws AppError MODEL_INVALID when it cannot take its inputs
   */
  outputShape(layer: L, inputs: readonly Shape[]): Shape;
  /** @param input shape of the first input; `[]` where only the roles are asked for */
  weights?(layer: L, input: Shape): WeightShapes;
  /** Multiply-adds for one picture. */
  multiplyAdds?(layer: L, input: Shape, output: Shape): number;
  /** A training step keeps the layer's output for its gradient; the outputs of others are passed on, recomputed or fused away. */
  readonly isKept?: true;
  /** Numbers that are not negative give numbers that are not negative. */
  readonly keepsSign?: true;
  readonly torch?: Readonly<Partial<Record<WeightRole, TorchWeight>>>;
  readonly keras: KerasKind<L>;
}

/** A weight in a torch state dict: what follows the module's name, and the order of its axes. */
interface TorchWeight {
  readonly suffix: string;
  /** Axis i of ours is axis `axes[i]` of torch's; absent where the two agree, as they do for a weight of another number of axes. */
  readonly axes?: readonly number[];
  /** The first axis of ours counts the numbers of the layer's input. */
  readonly isByInput?: true;
  /** Torch's shape from ours in torch's order, where torch counts two axes as one. */
  readonly joined?: (inOrder: Shape) => Shape;
}

/** A class of layer as a tf.LayersModel has it. */
export type KerasLayer = readonly [className: string, config: Readonly<Record<string, unknown>>];

interface KerasKind<L> {
  write(layer: L): KerasLayer;
  /** The classes that are read as this kind. */
  readonly read: Readonly<Record<string, KerasRead<L>>>;
}

/** The context of a Keras layer. */
export interface KerasPlace {
  readonly name: string;
  readonly inputs: readonly string[];
  /** What it is applied to, in order: the inputs, and among them numbers (one, or one for each channel) in an operation of Keras 3. */
  readonly operands: readonly (string | readonly number[])[];
  /** The first input's shape, without the batch; `[]` where there is none. */
  readonly inputShape: () => Shape;
  /** The major version of the Keras that wrote the file; 2 for TensorFlow.js. */
  readonly version: number;
}

/** @throws AppError MODEL_INVALID, MODEL_UNSUPPORTED */
export type KerasRead<L> = (config: KerasConfig, place: KerasPlace) => L;

/** `[H,W,C]`. @throws AppError MODEL_INVALID when it is another shape */
export function picture(layer: AnyLayer, shape: Shape): readonly [number, number, number] {
  const [height, width, channels] = shape;
  if (shape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw invalidLayer(layer, `takes a picture [H,W,C], received ${formatShape(shape)}`);
  }
  return [height, width, channels];
}

export function invalidLayer(layer: AnyLayer, problem: string): AppError {
  return new AppError('MODEL_INVALID', `layer '${quoted(layer.name)}' (${layer.kind}) ${problem}`);
}
