// form.ts: patterns of nodes, written as text: `Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)`. A word before a bracket is an operator, a number is
// a constant of this value, any other word is a tensor: the same one wherever the word stands. Operands of Add and Mul match in both orders.

import type { OnnxNode } from '../../../formats/onnx-model.ts';
import { numbers, type Constant } from './tensor.ts';

export type Form = string | number | { readonly op: string; readonly operands: readonly Form[] };

/** An input of a node, or what older operators have as attributes. */
export type Operand = string | readonly number[];

/** The operands that a form's words stand for. */
export type Words = ReadonlyMap<string, Operand>;

/** What is known of a network. */
export interface Surroundings {
  /** The node that makes each tensor. */
  readonly makers: ReadonlyMap<string, OnnxNode>;
  readonly constantOf: (tensor: string) => Constant | undefined;
  /** The version of ONNX's operators. */
  readonly opset: number;
  /** How many numbers may still be computed to find out what is where; all forms of a network use it up together. */
  readonly left: { numbers: number };
}

/** @throws Error when the text is no form */
export function parseForm(text: string): Form {
  const tokens = text.match(/[\w.]+|[(),]/g) ?? [];
  const read = (): Form => {
    const word = tokens.shift()!;
    if (tokens[0] !== '(') return /^\d/.test(word) ? Number(word) : word;
    const operands: Form[] = [];
    while (tokens.shift() !== ')') operands.push(read());
    return { op: word, operands };
  };
  return read();
}

/** Attributes that count as operands, after the inputs, with their default values. */
const ATTRIBUTES: Readonly<Record<string, readonly (readonly [name: string, otherwise?: number])[]>> = {
  Clip: [['min'], ['max']],
  HardSigmoid: [
    ['alpha', 0.2],
    ['beta', 0.5],
  ],
  ReduceMean: [['axes']],
};

const EITHER_WAY: ReadonlySet<string> = new Set(['Add', 'Mul']);

/** The operands of a form whose last node this is; undefined where the node does not match. */
export function match(form: Form, node: OnnxNode, known: Surroundings): Words | undefined {
  return matchNode(form, node, new Map(), known);
}

function matchNode(form: Form, node: OnnxNode, words: Words, known: Surroundings): Words | undefined {
  if (typeof form !== 'object' || form.op !== node.op || node.domain !== '') return undefined;
  const operands = operandsOf(node);
  if (!operands || operands.length < form.operands.length) return undefined;
  const [first, second, ...rest] = operands;
  const orders = EITHER_WAY.has(node.op) ? [operands, [second!, first!, ...rest]] : [operands];
  for (const order of orders) {
    let found: Words | undefined = words;
    for (const [i, part] of form.operands.entries()) found &&= matchOperand(part, order[i]!, found, known);
    if (found) return found;
  }
  return undefined;
}

function matchOperand(form: Form, operand: Operand, words: Words, known: Surroundings): Words | undefined {
  if (typeof form === 'number') {
    const value = numberOf(operand, known);
    return value !== undefined && Math.abs(value - form) <= 1e-3 * Math.abs(form) ? words : undefined;
  }
  if (typeof form === 'string') {
    const before = words.get(form);
    if (before === undefined) return new Map(words).set(form, operand);
    return String(before) === String(operand) ? words : undefined;
  }
  const maker = typeof operand === 'string' ? known.makers.get(operand) : undefined;
  return maker && matchNode(form, maker, words, known);
}

/** Undefined for a mean that drops its axes (keepdims 0): what follows it in a form would not broadcast. */
function operandsOf({ op, inputs, attributes }: OnnxNode): readonly Operand[] | undefined {
  const keepdims = attributes.get('keepdims');
  if (keepdims?.kind === 'int' && keepdims.value === 0) return undefined;
  const more = (ATTRIBUTES[op] ?? []).flatMap(([name, otherwise]): readonly Operand[] => {
    const found = attributes.get(name);
    if (found?.kind === 'float' || found?.kind === 'int') return [[found.value]];
    if (found?.kind === 'ints') return [found.value.slice(0, MAX_NUMBERS)];
    return otherwise === undefined ? [] : [[otherwise]];
  });
  return [...inputs, ...more];
}

/** What a form says of sizes, axes and factors. */
const MAX_NUMBERS = 64;

/** The numbers of an operand that is a constant of a few. */
export function numbersOfOperand(
  operand: Operand,
  { constantOf }: Surroundings,
): readonly number[] | undefined {
  if (typeof operand !== 'string') return operand;
  const constant = constantOf(operand);
  return constant && constant.values.length <= MAX_NUMBERS ? numbers(constant.values) : undefined;
}

function numberOf(operand: Operand, known: Surroundings): number | undefined {
  const values = numbersOfOperand(operand, known);
  return values?.length === 1 ? values[0] : undefined;
}
