// renamed.ts: nodes of a foreign network under other names, also those of the graphs within a node (an If, a Loop).

import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxValue } from '../../formats/onnx-model.ts';
import { encodeGraph } from '../../formats/onnx-writer.ts';

type NameOf = (name: string) => string;

/** The same node; `nameOf` gives each of its tensors its new name. */
export function renamedNode(node: OnnxNode, nameOf: NameOf): OnnxNode {
  return {
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
    attributes: new Map([...node.attributes].map(([key, value]) => [key, renamedAttribute(value, nameOf)])),
  };
}

function renamedAttribute(attribute: OnnxAttribute, nameOf: NameOf): OnnxAttribute {
  if (attribute.kind !== 'graph') return attribute;
  const value = renamedGraph(attribute.value, nameOf);
  return { kind: 'graph', value, bytes: encodeGraph(value) };
}

function renamedGraph(graph: OnnxGraph, nameOf: NameOf): OnnxGraph {
  const value = (info: OnnxValue) => ({ ...info, name: nameOf(info.name) });
  const tensors = [...graph.initializers.values()].map((tensor) => ({
    ...tensor,
    name: nameOf(tensor.name),
  }));
  return {
    nodes: graph.nodes.map((node) => renamedNode(node, nameOf)),
    initializers: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    valueInfo: new Map(),
  };
}

/** The tensors that a node needs; the graphs within it also name tensors of their own. */
export function tensorsNamedIn({ inputs, attributes }: OnnxNode): readonly string[] {
  const inner = [...attributes.values()].flatMap((attribute) => {
    if (attribute.kind !== 'graph') return [];
    const { nodes, outputs } = attribute.value;
    return [...nodes.flatMap(tensorsNamedIn), ...outputs.map(({ name }) => name)];
  });
  return [...inputs, ...inner];
}
