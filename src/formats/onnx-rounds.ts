// onnx-rounds.ts: how often the inner graphs of an ONNX file may run. The runtime cannot be stopped within a run, so that a Loop which
// may go on for ever is refused at the import. This finds what has no end, not what takes long: a round may be as slow as any network.

import { AppError } from '../util/errors.ts';
import { elementCount } from '../util/shape.ts';
import type { OnnxAttribute } from './onnx-attribute.ts';
import type { OnnxGraph, OnnxNode } from './onnx-graph.ts';
import { numbersOf, type OnnxTensor } from './onnx-tensor.ts';

/** Of loops within loops together: one for each place of a picture of 4096x4096, the largest that finch takes. */
const MAX_ROUNDS = 2 ** 24;
/** Up to here whole numbers of every type are exact; what may be beyond is not known. */
const MAX_NUMBER = 2 ** 31 - 1;
/** The longest list of numbers that sizes are computed with. */
const MAX_LIST = 64;

/** What the numbers of a tensor lie between. */
type Bounds = readonly [low: number, high: number];
const UNKNOWN: Bounds = [-Infinity, Infinity];

/** What is known of a tensor: its numbers, where they are whole, and its longest axis. */
interface Known {
  readonly bounds: Bounds;
  readonly longest: number;
}
const NOTHING: Known = { bounds: UNKNOWN, longest: Infinity };
const ABSENT: Known = { bounds: UNKNOWN, longest: 1 };

/** A graph's own tensors, and the graph around it. */
interface Scope {
  readonly own: Map<string, Known>;
  readonly outer?: Scope;
  /** Of the graphs around it. */
  readonly rounds: number;
}

interface RoundsOptions {
  readonly file: string;
  /** The longest axis of what the network takes: a side of a picture in pixels, or a usual batch. */
  readonly longest: number;
}

/** @throws AppError MODEL_UNSUPPORTED for a Loop or a Scan of too many rounds, or of rounds that nothing limits */
export function refuseEndless(graph: OnnxGraph, { file, longest }: RoundsOptions): void {
  const inputs = graph.inputs.map(({ name }) => [name, { bounds: UNKNOWN, longest }] as const);
  visit(graph, { own: new Map(inputs), rounds: 1 }, file);
}

function visit({ nodes, initializers }: OnnxGraph, scope: Scope, file: string): void {
  if (!nodes.some((node) => graphsOf(node).length > 0)) return;
  for (const [name, tensor] of initializers) scope.own.set(name, ofConstant(tensor));
  // Every node comes after those whose outputs it takes.
  for (const node of nodes) {
    const graphs = graphsOf(node);
    const rounds = graphs.length > 0 ? scope.rounds * roundsOf(node, scope) : 0;
    if (!(rounds <= MAX_ROUNDS)) {
      const many =
        rounds < Number.MAX_SAFE_INTEGER
          ? `${rounds} rounds, more than ${MAX_ROUNDS}`
          : 'rounds that neither a number nor the size of a picture limits';
      throw new AppError('MODEL_UNSUPPORTED', `${file} has a ${node.op} of ${many}; export it with its loops written out`); // prettier-ignore
    }
    for (const inner of graphs) {
      const taken = inner.inputs.map(({ name }) => [name, NOTHING] as const);
      visit(inner, { own: new Map(taken), outer: scope, rounds }, file);
    }
    const found = outputOf(node, scope);
    for (const name of node.outputs) scope.own.set(name, found);
  }
}

const graphsOf = ({ attributes }: OnnxNode): readonly OnnxGraph[] =>
  [...attributes.values()].flatMap((attribute) => (attribute.kind === 'graph' ? [attribute.value] : []));

/** An empty name stands for an input that is absent. */
function knownOf(name: string, scope: Scope | undefined): Known {
  if (name === '') return ABSENT;
  for (let at = scope; at; at = at.outer) {
    const found = at.own.get(name);
    if (found) return found;
  }
  return NOTHING;
}

/** At most so often a node runs its graph. */
function roundsOf({ op, inputs, attributes }: OnnxNode, scope: Scope): number {
  if (op === 'If') return 1;
  if (op === 'Loop') return Math.max(1, knownOf(inputs[0] ?? '', scope).bounds[1]);
  if (op !== 'Scan') return Infinity;
  const count = attributes.get('num_scan_inputs');
  const scanned = inputs.slice(count?.kind === 'int' ? -count.value : 0);
  return greatest(scanned.map((name) => knownOf(name, scope).longest));
}

const greatest = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b), 1);

function ofConstant(tensor: OnnxTensor): Known {
  const isList = tensor.type === 'int64' || tensor.type === 'int32';
  const numbers = isList && elementCount(tensor.shape) <= MAX_LIST ? numbersOf(tensor) : undefined;
  return { bounds: numbers ? boundsOf([...numbers]) : UNKNOWN, longest: greatest(tensor.shape) };
}

const boundsOf = (numbers: readonly number[]): Bounds =>
  numbers.length > 0 && numbers.length <= MAX_LIST ? [Math.min(...numbers), Math.max(...numbers)] : UNKNOWN;

/** Each of their axes is one of an input's, or shorter, or longer by the numbers of an attribute (`pads`). */
const KEEPS_AXES: ReadonlySet<string> = new Set(
  ['Identity', 'Cast', 'Dropout', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'Split', 'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Clip', 'Erf', 'Gelu', 'Exp', 'Sqrt', 'Softmax', 'BatchNormalization', 'LayerNormalization', 'InstanceNormalization', 'Conv', 'MaxPool', 'AveragePool', 'GlobalMaxPool', 'GlobalAveragePool', 'MatMul', 'Gemm'],
); // prettier-ignore
/** Their numbers are some of those of the first input. */
const KEEPS_NUMBERS: ReadonlySet<string> = new Set(
  ['Identity', 'Gather', 'Slice', 'Squeeze', 'Unsqueeze', 'Reshape', 'Transpose', 'Split'],
); // prettier-ignore
/** onnx.TensorProto.DataType: INT32, INT64 */
const WHOLE: ReadonlySet<unknown> = new Set([6, 7]);

/** What is known of a node's outputs. */
function outputOf({ op, inputs, attributes }: OnnxNode, scope: Scope): Known {
  if (op === 'Constant') return literalOf([...attributes.values()][0]);
  const given = inputs.map((name) => knownOf(name, scope));
  const [first, second] = given;
  if (!first) return NOTHING;
  if (op === 'Shape') return { bounds: [0, first.longest], longest: MAX_LIST };
  const bounds = given.map((each) => each.bounds);
  if (op === 'Cast') {
    const isWhole = WHOLE.has(attributes.get('to')?.value) && isExact(first.bounds);
    return { bounds: isWhole ? first.bounds : UNKNOWN, longest: first.longest };
  }
  if (op === 'Concat') return { bounds: hull(bounds), longest: given.reduce((sum, { longest }) => sum + longest, 0) }; // prettier-ignore
  if (op === 'Reshape' && second && second.bounds[0] >= 0)
    return { bounds: first.bounds, longest: Math.max(first.longest, second.bounds[1]) };
  const added = greatest(
    [...attributes.values()].flatMap((each) => (each.kind === 'ints' ? each.value : [])),
  );
  return {
    bounds: KEEPS_NUMBERS.has(op) ? first.bounds : computed(op, bounds),
    longest: KEEPS_AXES.has(op) ? greatest(given.map(({ longest }) => longest)) + 2 * added : Infinity,
  };
}

/** The value of a Constant node, whichever of its attributes holds it. */
function literalOf(value: OnnxAttribute | undefined): Known {
  if (value?.kind === 'tensor') return ofConstant(value.value);
  if (value?.kind === 'int') return { bounds: [value.value, value.value], longest: 1 };
  if (value?.kind === 'ints') return { bounds: boundsOf(value.value), longest: value.value.length };
  return NOTHING;
}

const isExact = (bounds: Bounds): boolean => bounds.every((bound) => Math.abs(bound) <= MAX_NUMBER);

const hull = (all: readonly Bounds[]): Bounds =>
  all.reduce(([low, high], [a, b]) => [Math.min(low, a), Math.max(high, b)]);

/** Numbers that sizes are computed to. Whatever may be beyond the numbers of its type is not known. */
function computed(op: string, all: readonly Bounds[]): Bounds {
  if (op === 'Min') return all.reduce(([a, b], [low, high]) => [Math.min(a, low), Math.min(b, high)]);
  if (op === 'Max') return all.reduce(([a, b], [low, high]) => [Math.max(a, low), Math.max(b, high)]);
  const [first, second] = all;
  const compute = ARITHMETIC.get(op);
  if (!compute || !first || !second || !isExact(first) || !isExact(second)) return UNKNOWN;
  if (op === 'Div' && second[0] < 1) return UNKNOWN;
  const ends = first.flatMap((a) => second.map((b) => compute(a, b)));
  const found: Bounds = [Math.min(...ends), Math.max(...ends)];
  return isExact(found) ? found : UNKNOWN;
}

/** Each has its least and its most at the ends of what its inputs lie between. */
const ARITHMETIC: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['Add', (a, b) => a + b],
  ['Sub', (a, b) => a - b],
  ['Mul', (a, b) => a * b],
  ['Div', (a, b) => Math.trunc(a / b)],
]);
