// runtime-endings.ts: operators of onnxruntime's own that a network may end in, each a linear layer or a rounding with the softmax or the
// sigmoid in one, written out as ONNX's operators: the logits are then a tensor of their own, as they are in other networks.

import type { OnnxAttribute, OnnxModel, OnnxNode } from '../../formats/onnx-model.ts';
import { attribute } from './attributes.ts';

const DOMAIN = 'com.microsoft';

/** Nodes between such an operator and the output: they keep a row, or round it. */
const BEHIND: ReadonlySet<string> = new Set(
  ['Identity', 'Cast', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'QuantizeLinear', 'DequantizeLinear', 'Clip'],
); // prettier-ignore
/** So many nodes away from the output. */
const NEAR = 8;

/** @param free makes a name that no tensor has. @returns undefined where the node stays as it is */
type WriteOut = (node: OnnxNode, free: (name: string) => string) => readonly OnnxNode[] | undefined;

const WRITTEN_OUT: Readonly<Record<string, WriteOut>> = {
  QLinearSoftmax: rounded('Softmax'),
  QLinearSigmoid: rounded('Sigmoid'),
  FusedGemm: (node, free) => {
    if (attribute.text(node, 'activation') !== 'Sigmoid') return undefined;
    const { inputs, outputs, attributes } = node;
    const own = [...attributes].filter(([name]) => !name.startsWith('activation'));
    const logits = free('logits');
    return [plain('Gemm', inputs, [logits], new Map(own)), plain('Sigmoid', [logits], outputs)];
  },
};

/** The same network where it ends in nothing of this kind. */
export function withEndWrittenOut(model: OnnxModel): OnnxModel {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const ends = new Set(model.outputs.map(({ name }) => endBehind(producers, name)));
  const taken = new Set([...producers.keys(), ...model.initializers.keys(), ...model.inputs.map(({ name }) => name)]); // prettier-ignore
  /** For each wanted name, the number that is tried next: a file may have very many outputs. */
  const next = new Map<string, number>();
  const free = (wanted: string) => {
    let i = next.get(wanted) ?? 0;
    const name = () => (i === 0 ? wanted : `${wanted}_${i}`);
    while (taken.has(name())) i++;
    next.set(wanted, i + 1);
    return name();
  };
  const nodes = model.nodes.map((node) => (ends.has(node) ? WRITTEN_OUT[node.op]!(node, free) : undefined) ?? [node]); // prettier-ignore
  return nodes.every(({ length }) => length === 1) ? model : { ...model, nodes: nodes.flat() };
}

/** The node of this kind that an output comes out of. */
function endBehind(producers: ReadonlyMap<string, OnnxNode>, output: string): OnnxNode | undefined {
  let node = producers.get(output);
  for (let steps = 0; node && steps < NEAR; steps++) {
    if (node.domain === DOMAIN && Object.hasOwn(WRITTEN_OUT, node.op)) return node;
    node = BEHIND.has(node.op) ? producers.get(node.inputs[0] ?? '') : undefined;
  }
  return undefined;
}

/** Of bytes to bytes: X, its scale and zero point, those of what is put out. */
function rounded(op: 'Softmax' | 'Sigmoid'): WriteOut {
  return (
    { inputs: [x = '', scale = '', zero = '', toScale = '', toZero = ''], outputs, attributes },
    free,
  ) => {
    const [logits, probabilities] = [free('logits'), free('probabilities')];
    const axis = attributes.get('axis');
    const kept = new Map(op === 'Softmax' && axis ? [['axis', axis] as const] : []);
    return [
      plain('DequantizeLinear', [x, scale, zero], [logits]),
      plain(op, [logits], [probabilities], kept),
      plain('QuantizeLinear', [probabilities, toScale, toZero], outputs),
    ];
  };
}

const plain = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: ReadonlyMap<string, OnnxAttribute> = new Map(),
): OnnxNode => ({ op, domain: '', name: '', inputs, outputs, attributes });
