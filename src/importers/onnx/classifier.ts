// classifier.ts: the end of a foreign classifier: the softmax or sigmoid it ends in, and the linear layer before that.

import { numbersOf, type OnnxNode } from '../../formats/onnx-model.ts';
import { transpose } from '../../util/shape.ts';
import { attribute } from './attributes.ts';
import { constantOf, type Constant, type GraphView } from './graph-view.ts';

export interface OnnxClassifier {
  /** The tensor that it takes: the picture's embedding. */
  readonly input: string;
  /** `[in,out]` */
  readonly kernel: Constant;
  /** `[out]` */
  readonly bias?: Float32Array;
  readonly nodes: readonly OnnxNode[];
}

/** What a network ends in. */
export interface End {
  /** The tensor before the final softmax or sigmoid; the output itself where there is neither. */
  readonly logits: string;
  readonly activation: 'none' | 'softmax' | 'sigmoid';
  /** The linear layer that gives the logits, where there is one whose weights are plain numbers. */
  readonly classifier?: OnnxClassifier;
  /** What the linear layer takes, also where its weights are not plain numbers: quantised ones. */
  readonly embedding?: string;
}

/** Nodes that keep a row of numbers as it is. The logarithm of a softmax has the same softmax. */
const KEEPS_ROW: ReadonlySet<string> = new Set(
  ['Identity', 'Cast', 'Dropout', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'LogSoftmax'],
); // prettier-ignore

const ACTIVATIONS = { Softmax: 'softmax', Sigmoid: 'sigmoid' } as const;

/** What the output `[N,K]` comes out of. */
export function classifierBehind(view: GraphView, output: string): End {
  let [logits, activation]: [string, End['activation']] = [output, 'none'];
  const seen = new Set<string>();
  for (let name = notRounded(view, output); !seen.has(name);) {
    seen.add(name);
    const node = view.producers.get(name);
    const [before] = node?.inputs ?? [];
    if (!node || before === undefined) break;
    const found: Activation | undefined = activation === 'none' ? activationOf(view, node) : undefined;
    if (found) {
      [logits, activation] = found;
      name = logits;
      continue;
    }
    if (!isOwn(node) || !(KEEPS_ROW.has(node.op) || isNeutral(view, node))) {
      const classifier = linear(view, node);
      const embedding = classifier?.input ?? takenByLinear(view, name);
      return { logits, activation, ...(classifier && { classifier }), ...(embedding !== undefined && { embedding }) }; // prettier-ignore
    }
    name = before;
  }
  return { logits, activation };
}

const NEUTRAL: ReadonlyMap<string, number> = new Map([['Mul', 1], ['Div', 1], ['Add', 0], ['Sub', 0]]); // prettier-ignore

/** Whether a node multiplies or divides by one, or adds or subtracts nothing. */
function isNeutral(view: GraphView, { op, inputs: [, second = ''] }: OnnxNode): boolean {
  const neutral = NEUTRAL.get(op);
  return neutral !== undefined && constantOf(view, second)?.data.every((value) => value === neutral) === true;
}

/** Linear layers, plain, quantised, or of onnxruntime's own. */
const LINEAR: ReadonlySet<string> = new Set(
  ['Gemm', 'MatMul', 'MatMulInteger', 'QLinearMatMul', 'QGemm', 'MatMulNBits', 'MatMulIntegerToFloat', 'DynamicQuantizeMatMul', 'FusedGemm', 'FusedMatMul'],
); // prettier-ignore
/** What stands between a quantised linear layer and its logits, or between it and its input. */
const BETWEEN: ReadonlySet<string> = new Set([
  ...KEEPS_ROW,
  'Add',
  'Mul',
  'Div',
  'QuantizeLinear',
  'DequantizeLinear',
]);
const BEFORE: ReadonlySet<string> = new Set(['DynamicQuantizeLinear', 'QuantizeLinear', 'DequantizeLinear']);
/** So many nodes away; the sums and products of a whole network are not searched. */
const NEAR = 8;

/** The first input of the linear layer behind some nodes that scale its answers. */
function takenByLinear(view: GraphView, tensor: string, left = NEAR): string | undefined {
  const node = view.producers.get(tensor);
  if (!node || left === 0) return undefined;
  if (LINEAR.has(node.op)) {
    let [input] = node.inputs;
    for (let steps = 0; steps < NEAR; steps++) {
      const before = view.producers.get(input ?? '');
      if (!before || !BEFORE.has(before.op)) break;
      [input] = before.inputs;
    }
    return input;
  }
  if (!BETWEEN.has(node.op)) return undefined;
  for (const input of node.inputs.slice(0, 2)) {
    const found = takenByLinear(view, input, left - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The probabilities before they are rounded to bytes or kept from 0 and 1, in a network that ends so; else the same tensor. */
function notRounded(view: GraphView, output: string): string {
  let name = output;
  let scale: string | undefined;
  for (let steps = 0; steps < NEAR; steps++) {
    const node = view.producers.get(name);
    if (node && activationOf(view, node)) return name;
    if (!node) break;
    // What is rounded comes back by the same scale.
    if (node.op === 'DequantizeLinear') scale = node.inputs[1];
    else if (node.op === 'QuantizeLinear') {
      if (!isSameNumber(view, scale, node.inputs[1])) break;
    } else if (!KEEPS_ROW.has(node.op) && !isNeutral(view, node) && !keepsProbabilities(view, node)) break;
    name = node.inputs[0] ?? '';
  }
  return output;
}

function isSameNumber(view: GraphView, a = '', b = ''): boolean {
  const [one, other] = [constantOf(view, a)?.data, constantOf(view, b)?.data];
  return one?.length === 1 && other?.length === 1 && one[0] === other[0];
}

/** Probabilities nearer to 0 and 1 are shown as these. */
const LEAST = 1e-4;

/** Whether it is a Clip to nearly 0…1. */
function keepsProbabilities(view: GraphView, node: OnnxNode): boolean {
  if (node.op !== 'Clip') return false;
  const bound = (input: number, name: string, usual: number) => {
    const tensor = node.inputs[input] || undefined;
    return tensor === undefined ? (attribute.float(node, name) ?? usual) : constantOf(view, tensor)?.data[0];
  };
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)];
  return low !== undefined && high !== undefined && low <= LEAST && high >= 1 - LEAST;
}

type Activation = readonly [logits: string, function: 'softmax' | 'sigmoid'];

/** Where a node puts out the probabilities of a row: the logits, and by which function. */
function activationOf(view: GraphView, node: OnnxNode): Activation | undefined {
  const [first, second] = node.inputs;
  if (!isOwn(node) || first === undefined) return undefined;
  if (Object.hasOwn(ACTIVATIONS, node.op)) {
    return isOverRow(node) ? [first, ACTIVATIONS[node.op as keyof typeof ACTIVATIONS]] : undefined;
  }
  const before = view.producers.get(first);
  if (node.op === 'Exp' && before?.op === 'LogSoftmax' && isOverRow(before))
    return [before.inputs[0]!, 'softmax'];
  // Written out: the exponentials divided by their sum.
  const sum = node.op === 'Div' && before?.op === 'Exp' ? view.producers.get(second ?? '') : undefined;
  if (sum?.op !== 'ReduceSum' || sum.inputs[0] !== first || !isSumOfRow(view, sum)) return undefined;
  return [before!.inputs[0]!, 'softmax'];
}

/** Whether a ReduceSum leaves one number a row that divides the whole row. */
function isSumOfRow({ model, producers }: GraphView, node: OnnxNode): boolean {
  const [, name = ''] = node.inputs;
  const made = producers.get(name);
  const literal = made?.op === 'Constant' ? made : undefined;
  const listed = model.initializers.get(name) ?? (literal && attribute.tensor(literal, 'value'));
  const axes = listed ? [...(numbersOf(listed) ?? [])] : (literal && attribute.ints(literal, 'value_ints')) ?? attribute.ints(node, 'axes'); // prettier-ignore
  return axes?.length === 1 && (axes[0] === 1 || axes[0] === -1) && attribute.int(node, 'keepdims') !== 0;
}

const isOwn = ({ domain }: OnnxNode) => domain === '' || domain === 'ai.onnx';

/** A softmax over the classes; the default axis is 1 or the last one, which are the same here. */
function isOverRow(node: OnnxNode): boolean {
  const axis = node.op === 'Sigmoid' ? -1 : (attribute.int(node, 'axis') ?? -1);
  return axis === -1 || axis === 1;
}

/** Gemm, MatMul, or MatMul and Add, with constant weights. */
function linear(view: GraphView, node: OnnxNode): OnnxClassifier | undefined {
  if (!isOwn(node)) return undefined;
  if (node.op === 'Gemm') return gemm(view, node);
  if (node.op === 'MatMul') return matMul(view, node);
  if (node.op !== 'Add') return undefined;
  for (const [sum, term] of [node.inputs, node.inputs.toReversed()] as readonly (readonly string[])[]) {
    const bias = constantOf(view, term ?? '')?.data;
    const product = view.producers.get(sum ?? '');
    const found = bias && product?.op === 'MatMul' ? matMul(view, product) : undefined;
    if (found && bias!.length === found.kernel.shape[1])
      return { ...found, bias: bias!, nodes: [product!, node] };
  }
  return undefined;
}

function gemm(view: GraphView, node: OnnxNode): OnnxClassifier | undefined {
  const [input, weight, term] = node.inputs;
  const isPlain =
    (attribute.float(node, 'alpha') ?? 1) === 1 &&
    (attribute.float(node, 'beta') ?? 1) === 1 &&
    (attribute.int(node, 'transA') ?? 0) === 0;
  const stored = isPlain ? constantOf(view, weight ?? '') : undefined;
  const bias = term ? constantOf(view, term) : undefined;
  if (!input || stored?.shape.length !== 2 || (term && !bias)) return undefined;
  const kernel = (attribute.int(node, 'transB') ?? 0) === 0 ? stored : transposed(stored);
  if (bias && bias.data.length !== kernel.shape[1]) return undefined;
  return { input, kernel, ...(bias && { bias: bias.data }), nodes: [node] };
}

function matMul(view: GraphView, node: OnnxNode): OnnxClassifier | undefined {
  const [input, weight] = node.inputs;
  const kernel = constantOf(view, weight ?? '');
  return input && kernel?.shape.length === 2 ? { input, kernel, nodes: [node] } : undefined;
}

function transposed({ shape, data }: Constant): Constant {
  return { shape: shape.toReversed(), data: transpose(data, shape, [1, 0]) };
}
