// reversed-colours.ts: a foreign network that takes blue, green and red -> one that takes red, green and blue, by a node before its first.

import { renamedNode } from '../../engine/onnx/renamed.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../../formats/onnx-model.ts';
import type { OnnxInterface } from './interface.ts';

export function withColoursReversed(found: OnnxInterface): OnnxInterface {
  const { network, input } = found;
  const taken = new Set([...network.initializers.keys(), ...network.nodes.flatMap(({ outputs }) => outputs)]);
  const free = (wanted: string): string => (taken.has(wanted) ? free(`${wanted}_`) : wanted);
  const [picture, order] = [free(`${input.name}_reversed`), free(`${input.name}_order`)];
  const axis: OnnxAttribute = { kind: 'int', value: input.layout === 'NCHW' ? 1 : 3 };
  const gather: OnnxNode = {
    op: 'Gather',
    domain: '',
    name: '',
    inputs: [input.name, order],
    outputs: [picture],
    attributes: new Map([['axis', axis]]),
  };
  const bytes = new Uint8Array(BigInt64Array.of(2n, 1n, 0n).buffer);
  const places: OnnxTensor = { name: order, type: 'int64', shape: [3], bytes };
  const nameOf = (name: string) => (name === input.name ? picture : name);
  const nodes = [gather, ...network.nodes.map((node) => renamedNode(node, nameOf))];
  return {
    ...found,
    network: { ...network, nodes, initializers: new Map([...network.initializers, [order, places]]) },
  };
}
