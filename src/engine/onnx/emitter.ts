// emitter.ts: collects the nodes and constants of an ONNX graph that is being written. It knows names, but no layers.

import { createHash } from 'node:crypto';
import type { Shape } from '../../util/shape.ts';
import type { Attribute, Initializer, Node, ValueInfo } from '../../formats/onnx-writer.ts';

export type Attributes = Readonly<Record<string, Attribute>>;

interface Placement {
  /** The output's name, when other code refers to it. Without it the emitter makes one up. */
  readonly name?: string;
  /** The operator's domain, when it is not ONNX's own. */
  readonly domain?: string;
}

export class Emitter {
  readonly nodes: Node[] = [];
  readonly constants: Initializer[] = [];
  /** Shapes of some tensors: see `shaped`. */
  readonly shapes: ValueInfo[] = [];
  readonly #constantNames = new Map<string, string>();
  readonly #names = new Set<string>();
  #count = 0;

  /**
   * Reserves the name of an input or a weight, which are no nodes. onnxruntime would treat two tensors of one name as one tensor.
   * @throws Error when the name is already taken
   */
  declare(name: string): string {
    if (this.#names.has(name)) throw new Error(`two tensors of the onnx graph are called '${name}'`);
    this.#names.add(name);
    return name;
  }

  /** Adds a node with one output and returns the output's name. An empty input name is an absent optional input. */
  emit(op: string, inputs: readonly string[], attributes?: Attributes, { name, domain }: Placement = {}) {
    const output = this.declare(name ?? `#${this.#count++}.${op}`);
    this.nodes.push({
      op,
      inputs,
      outputs: [output],
      ...(attributes && { attributes }),
      ...(domain !== undefined && { domain }),
    });
    return output;
  }

  /** Notes the shape of a float32 tensor for those who read the graph later. */
  shaped(name: string, shape: Shape): string {
    this.shapes.push({ name, type: 'float32', shape });
    return name;
  }

  /** A float32 constant. Equal constants are stored once. */
  floats(shape: Shape, values: ArrayLike<number>): string {
    return this.#constant('float32', shape, new Uint8Array(Float32Array.from(values).buffer));
  }

  scalar(value: number): string {
    return this.floats([], [value]);
  }

  int64s(values: readonly number[]): string {
    const content = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#constant('int64', [values.length], content);
  }

  /** One whole number of 8 bits. */
  byte(type: 'uint8' | 'int8', value: number): string {
    return this.#constant(type, [], Uint8Array.of(value));
  }

  reshape(tensor: string, shape: Shape): string {
    return this.emit('Reshape', [tensor, this.int64s(shape)]);
  }

  transpose(tensor: string, perm: readonly number[]): string {
    return this.emit('Transpose', [tensor], { perm });
  }

  add(a: string, b: string): string {
    return this.emit('Add', [a, b]);
  }

  sub(a: string, b: string): string {
    return this.emit('Sub', [a, b]);
  }

  mul(a: string, b: string): string {
    return this.emit('Mul', [a, b]);
  }

  div(a: string, b: string): string {
    return this.emit('Div', [a, b]);
  }

  /** `tensor` times a number. @param shape the tensor's, where it may end in axes of one */
  scale(tensor: string, factor: number, shape: Shape = []): string {
    return factor === 1 ? tensor : this.mul(tensor, this.numberBeside(shape, factor));
  }

  /** `tensor` times the one number that another tensor holds. @param shape the first one's, where it may end in axes of one */
  times(tensor: string, number: string, shape: Shape): string {
    const beside = axesBeside(shape);
    return this.mul(tensor, beside.length > 0 ? this.reshape(number, beside) : number);
  }

  /** A constant that goes with a tensor of this shape in an operator of two. */
  numberBeside(shape: Shape, value: number): string {
    return this.floats(axesBeside(shape), [value]);
  }

  /**
   * One of two tensors, and only that one is computed.
   * @param condition one boolean
   * @param write adds the nodes of the tensor that counts where the condition holds, which nothing else may read
   */
  either(condition: string, write: () => string, otherwise: string): string {
    const begin = this.nodes.length;
    const branch = (output: string) => {
      const nodes = this.nodes.splice(begin);
      const outputs = [{ name: output, type: 'other' }] as const;
      return { graph: { name: output, nodes, initializers: [], inputs: [], outputs } };
    };
    const then_branch = branch(write());
    const else_branch = branch(this.emit('Identity', [otherwise]));
    return this.emit('If', [condition], { then_branch, else_branch });
  }

  /** Sum over `axes`. These axes are removed, or on request kept with size 1. */
  reduceSum(tensor: string, axes: readonly number[], keep = false): string {
    return this.emit('ReduceSum', [tensor, this.int64s(axes)], { keepdims: keep ? 1 : 0 });
  }

  #constant(type: Initializer['type'], shape: Shape, content: Uint8Array): string {
    const key = `${type} ${shape.join()} ${createHash('sha256').update(content).digest('base64')}`;
    const known = this.#constantNames.get(key);
    if (known !== undefined) return known;
    const name = this.declare(`#constant.${this.constants.length}`);
    this.constants.push({ name, type, shape, content });
    this.#constantNames.set(key, name);
    return name;
  }
}

/**
 * The axes of one number beside a tensor. Where the tensor's last axis has one number, as in the kernel of a convolution of 1 x 1, and the
 * other operand has fewer axes, onnxruntime computes number by number, up to forty times as slowly: there it gets as many.
 */
function axesBeside(shape: Shape): Shape {
  return shape.at(-1) === 1 ? shape.map(() => 1) : [];
}
