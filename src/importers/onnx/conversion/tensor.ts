// tensor.ts: what a tensor of a foreign network is while the network is being read: known numbers, or the output of a layer.

import { numbersOf, type OnnxTensor } from '../../../formats/onnx-model.ts';
import { elementCount, type Shape } from '../../../util/shape.ts';
import type { Arrangement } from './arrangement.ts';

/** Stands for the size of the batch, which is not known while a network is converted. */
export const BATCH = Symbol('batch');
export type Size = number | typeof BATCH;

/** Numbers that do not depend on the picture: weights, and what shapes are computed from. */
export interface Constant {
  readonly kind: 'constant';
  readonly shape: Shape;
  readonly isFloat: boolean;
  /** Row-major. */
  readonly values: ArrayLike<Size>;
}

/** The output of a layer. */
export interface Computed extends Arrangement {
  readonly kind: 'computed';
  readonly layer: string;
}

/** The output of a node that finch has no layers for, or of one that depends on it. */
export interface Unknown {
  readonly kind: 'unknown';
}

export type Tensor = Constant | Computed | Unknown;

export const UNKNOWN: Unknown = { kind: 'unknown' };

/** A reason why a network cannot be converted to finch's layers. The user reads the message. */
export class Unsupported extends Error {}

const FLOATS: ReadonlySet<OnnxTensor['type']> = new Set(['float32', 'float16', 'float64', 'bfloat16']);

/** Undefined for types of numbers that are not converted: quantised ones, texts. */
export function constantOf(tensor: OnnxTensor): Constant | undefined {
  const values = numbersOf(tensor);
  if (!values) return undefined;
  return { kind: 'constant', shape: tensor.shape, isFloat: FLOATS.has(tensor.type), values };
}

/** A constant as float32. @throws Unsupported when it holds the size of the batch */
export function floatsOf({ values }: Constant): Float32Array {
  if (values instanceof Float32Array) return values;
  // Large weights of other types are not listed number by number.
  return Array.isArray(values) ? Float32Array.from(numbers(values)) : new Float32Array(values as ArrayLike<number>); // prettier-ignore
}

/** Whole numbers: sizes, axes. @throws Unsupported when one is the size of the batch */
export function numbers(values: ArrayLike<Size>): readonly number[] {
  return Array.from(values, (value) => {
    if (typeof value === 'number') return value;
    throw new Unsupported('computes with the size of the batch');
  });
}

/** The only number of a constant. */
export function scalarOf(constant: Constant | undefined): number | undefined {
  if (!constant || elementCount(constant.shape) !== 1) return undefined;
  const [value] = Array.from(constant.values);
  return typeof value === 'number' ? value : undefined;
}
