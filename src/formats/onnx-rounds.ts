// onnx-rounds.ts: how often the inner graphs of an ONNX file would run. The runtime cannot be stopped within a run, so that a Loop which
// may go on for ever is refused before.

import { AppError } from '../util/errors.ts';
import type { OnnxGraph, OnnxNode } from './onnx-graph.ts';
import { numbersOf, type OnnxTensor } from './onnx-tensor.ts';

/** Of all loops within loops together. Exporters write out what repeats; a Loop goes over the parts of a picture. */
const MAX_ROUNDS = 10_000;
/** What counts rounds by the sizes of tensors: none of these makes a number much larger. */
const OF_SIZES: ReadonlySet<string> = new Set(
  ['Shape', 'Gather', 'Slice', 'Squeeze', 'Unsqueeze', 'Reshape', 'Cast', 'Identity', 'Min', 'Sub', 'Div', 'ReduceMin'],
); // prettier-ignore
/** Nodes between a size and the rounds that are counted by it: exporters write up to six. */
const NEAR = 16;

interface Scope {
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly producers: ReadonlyMap<string, OnnxNode>;
  /** Of the graphs around it. */
  readonly rounds: number;
}

/** @throws AppError MODEL_UNSUPPORTED for a Loop or a Scan of too many rounds, or of rounds that nothing limits */
export function refuseEndless(graph: OnnxGraph, file: string): void {
  visit(graph, { constants: new Map(), producers: new Map(), rounds: 1 }, file);
}

function visit({ nodes, initializers }: OnnxGraph, outer: Scope, file: string): void {
  const inner = nodes.filter(({ attributes }) =>
    [...attributes.values()].some(({ kind }) => kind === 'graph'),
  );
  if (inner.length === 0) return;
  const made = nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const));
  const constants = new Map([...outer.constants, ...initializers, ...nodes.flatMap(constantOf)]);
  const scope = { constants, producers: new Map([...outer.producers, ...made]), rounds: outer.rounds };
  for (const node of inner) {
    const rounds = scope.rounds * roundsOf(node, scope);
    if (!(rounds <= MAX_ROUNDS)) {
      const many = Number.isFinite(rounds)
        ? `${rounds} rounds, more than ${MAX_ROUNDS}`
        : 'rounds that no constant limits';
      throw new AppError('MODEL_UNSUPPORTED', `${file} has a ${node.op} of ${many}; export it with its loops written out`); // prettier-ignore
    }
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') visit(attribute.value, { ...scope, rounds }, file);
    }
  }
}

function constantOf({
  op,
  attributes,
  outputs: [name],
}: OnnxNode): readonly (readonly [string, OnnxTensor])[] {
  const value = op === 'Constant' ? attributes.get('value') : undefined;
  return value?.kind === 'tensor' && name !== undefined ? [[name, value.value]] : [];
}

/** How often a node runs its graph; infinity where nothing says it. Rounds that are counted by sizes are as few as those are small. */
function roundsOf({ op, inputs, attributes }: OnnxNode, { constants, producers }: Scope): number {
  if (op === 'Loop') {
    const [most] = inputs;
    const constant = constants.get(most ?? '');
    if (constant) return Math.max(1, numbersOf(constant)?.[0] ?? Infinity);
    return isOfSizes(most ?? '', NEAR) ? 1 : Infinity;
  }
  if (op !== 'Scan') return 1;
  const count = attributes.get('num_scan_inputs');
  const scanned = inputs.slice(count?.kind === 'int' ? -count.value : 0);
  return Math.max(1, ...scanned.flatMap((name) => constants.get(name)?.shape ?? []));

  function isOfSizes(name: string, left: number): boolean {
    const node = producers.get(name);
    if (!node || left === 0 || !OF_SIZES.has(node.op)) return false;
    if (node.op === 'Shape') return true;
    const others = node.inputs.filter((input) => input !== '' && !constants.has(input));
    return others.length > 0 && others.every((input) => isOfSizes(input, left - 1));
  }
}
