// text-half.ts: the part of a foreign network that texts alone go through, and by what the likeness of a picture and a text is
// multiplied before it counts as a logit. Nothing is run here.

import {
  numbersOf,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from '../../formats/onnx-model.ts';
import { MAX_BATCH } from '../../graph/kinds/onnx.ts';
import { elementCount } from '../../util/shape.ts';
import { attribute } from './attributes.ts';
import { nodesBehind } from './nodes-behind.ts';

/** As transformers names them; both are rows of whole numbers, one row a text. */
export const TEXT_INPUTS = { tokens: 'input_ids', mask: 'attention_mask' } as const;
const LOGITS = 'logits_per_image';

/** A logit is `scale` times the cosine of two embeddings, plus `bias`. */
export interface LogitScale {
  readonly scale: number;
  readonly bias: number;
}

/**
 * The nodes and weights behind the first of the outputs that a text alone decides. Undefined where there is none.
 * @param outputs names of an output that is one embedding a text, the preferred one first
 */
export function textHalf(model: OnnxModel, outputs: readonly string[]): OnnxModel | undefined {
  for (const name of outputs) {
    const output = model.outputs.find((value) => value.name === name);
    if (!output) continue;
    const { nodes, taken } = nodesBehind(model.nodes, name);
    const inputs = model.inputs.filter((input) => taken.has(input.name));
    if (!inputs.every(takesTokens) || !inputs.some((input) => input.name === TEXT_INPUTS.tokens)) continue;
    const initializers = new Map([...model.initializers].filter(([name]) => taken.has(name)));
    return { ...model, nodes, initializers, inputs, outputs: [output], valueInfo: new Map() };
  }
  return undefined;
}

function takesTokens({ name, type, shape }: OnnxValue): boolean {
  const isWhole = type === 'int64' || type === 'int32';
  const isKnown = Object.values<string>(TEXT_INPUTS).includes(name);
  const [batch] = shape ?? [];
  return isKnown && isWhole && shape?.length === 2 && !(typeof batch === 'number' && batch > MAX_BATCH);
}

/** Steps from the logits back to the product of the embeddings, and from a factor back to its number: exporters write up to four. */
const MAX_STEPS = 16;

/** Read from the nodes before `logits_per_image`; undefined where the network has no such output or computes it in another way. */
export function logitScaleOf(model: OnnxModel): LogitScale | undefined {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const scalar = (name: string | undefined) => scalarOf(model, producers, name);
  let [scale, bias, name] = [1, 0, LOGITS as string | undefined];
  for (let step = 0; step < MAX_STEPS; step++) {
    const node = producers.get(name ?? '');
    if (!node) return undefined;
    const { op, inputs } = node;
    const [a, b] = [scalar(inputs[0]), scalar(inputs[1])];
    const number = a ?? b;
    if (op === 'MatMul' || op === 'Einsum') return { scale, bias };
    if (op === 'Gemm')
      return inputs.length < 3 ? { scale: scale * (attribute.float(node, 'alpha') ?? 1), bias } : undefined;
    if (op === 'Mul' && number !== undefined) scale *= number;
    else if (op === 'Add' && number !== undefined) bias += scale * number;
    else if (op !== 'Transpose' && op !== 'Identity' && op !== 'Cast') return undefined;
    name = a === undefined ? inputs[0] : inputs[1];
  }
  return undefined;
}

type Producers = ReadonlyMap<string, OnnxNode>;

/** A constant of one number, also behind an Exp. */
function scalarOf(model: OnnxModel, producers: Producers, name = '', steps = MAX_STEPS): number | undefined {
  const tensor = model.initializers.get(name);
  if (tensor) return onlyNumber(tensor);
  const node = producers.get(name);
  if (!node || steps === 0) return undefined;
  if (node.op === 'Constant') return constantOf(node);
  if (!PASSES.has(node.op)) return undefined;
  const value = scalarOf(model, producers, node.inputs[0], steps - 1);
  return value !== undefined && node.op === 'Exp' ? Math.exp(value) : value;
}

const PASSES: ReadonlySet<string> = new Set(['Exp', 'Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze']);

function constantOf(node: OnnxNode): number | undefined {
  const tensor = attribute.tensor(node, 'value');
  return tensor ? onlyNumber(tensor) : attribute.float(node, 'value_float');
}

function onlyNumber(tensor: OnnxTensor): number | undefined {
  return elementCount(tensor.shape) === 1 ? numbersOf(tensor)?.[0] : undefined;
}
