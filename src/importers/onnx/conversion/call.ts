// call.ts: a node of a foreign network that is being read: its inputs and attributes as operators ask for them.

import type { OnnxNode } from '../../../formats/onnx-model.ts';
import { attribute } from '../attributes.ts';
import { constantOf, floatsOf, numbers, scalarOf, Unsupported, type Computed, type Constant, type Tensor } from './tensor.ts'; // prettier-ignore

export interface Context {
  /** The version of ONNX's operators that the file is written in. */
  readonly opset: number;
  /** The batch that the file was exported for, if it is one size. */
  readonly batch: number | undefined;
}

export class Call {
  readonly node: OnnxNode;
  /** What the layer is to be called. */
  readonly name: string;
  readonly opset: number;
  readonly batch: number | undefined;
  readonly #inputs: readonly (Tensor | undefined)[];

  constructor(
    node: OnnxNode,
    inputs: readonly (Tensor | undefined)[],
    name: string,
    { opset, batch }: Context,
  ) {
    this.node = node;
    this.name = name;
    this.opset = opset;
    this.batch = batch;
    this.#inputs = inputs;
  }

  unsupported(why: string): Unsupported {
    return new Unsupported(`${this.node.op} ${why}`);
  }

  get inputs(): readonly (Tensor | undefined)[] {
    return this.#inputs;
  }

  /** @throws Unsupported when the input is no output of a layer */
  computed(index = 0): Computed {
    const input = this.#inputs[index];
    if (input?.kind === 'computed') return input;
    throw this.unsupported('of a constant');
  }

  /** Nothing where the input is absent. @throws Unsupported when it depends on the picture */
  constant(index: number): Constant | undefined {
    const input = this.#inputs[index];
    if (input === undefined || input.kind === 'constant') return input;
    throw this.unsupported('with weights that depend on the picture');
  }

  /** @throws Unsupported when the input is absent or depends on the picture */
  floats(index: number): Float32Array {
    return floatsOf(this.#required(index));
  }

  /** Weights of one number a channel. */
  perChannel(index: number, channels: number): Float32Array {
    const values = this.floats(index);
    if (values.length === channels) return values;
    throw this.unsupported(`with ${values.length} numbers for ${channels} channels`);
  }

  weight(index: number): Constant {
    return this.#required(index);
  }

  #required(index: number): Constant {
    const constant = this.constant(index);
    if (constant) return constant;
    throw this.unsupported(`without its input ${index}`);
  }

  float(name: string, otherwise: number): number {
    return attribute.float(this.node, name) ?? this.int(name, otherwise);
  }

  int(name: string, otherwise: number): number {
    return attribute.int(this.node, name) ?? otherwise;
  }

  flag(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }

  /** Of a Cast. onnx.TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16 */
  get isToFloat(): boolean {
    return [1, 10, 11, 16].includes(this.int('to', 1));
  }

  text(name: string, otherwise: string): string {
    return attribute.text(this.node, name) ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return attribute.ints(this.node, name);
  }

  /** A tensor among the attributes. */
  tensor(name: string): Constant | undefined {
    const found = attribute.tensor(this.node, name);
    return found && constantOf(found);
  }

  /** What was an attribute in older versions of an operator and is an input in newer ones. */
  intsAt(index: number, name: string): readonly number[] | undefined {
    const constant = this.constant(index);
    const found = constant ? numbers(constant.values) : this.ints(name);
    if (found?.every(Number.isInteger) === false) throw this.unsupported('with places that are no whole numbers'); // prettier-ignore
    return found;
  }

  /** The same for one number. */
  floatAt(index: number, name: string): number | undefined {
    const found = attribute.float(this.node, name);
    if (found !== undefined) return found;
    const constant = this.constant(index);
    if (constant && scalarOf(constant) === undefined) throw this.unsupported('with a number for each place');
    return scalarOf(constant);
  }

  /** A dimension of an input without the batch, from an axis that counts from the batch, or from the end. */
  dim(axis: number, { dims }: Computed): number {
    const dim = (axis < 0 ? axis + dims.length + 1 : axis) - 1;
    if (dim >= 0 && dim < dims.length) return dim;
    throw this.unsupported('over the batch');
  }
}
