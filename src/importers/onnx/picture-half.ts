// picture-half.ts: the part of a foreign network that pictures alone go through: a CLIP also has a half for texts, which stays behind
// with its weights.

import { tensorsNamedIn } from '../../engine/onnx/renamed.ts';
import type { OnnxModel, OnnxNode } from '../../formats/onnx-model.ts';

/** The nodes, weights and outputs that need nothing from outside but the picture; there may be no such output. */
export function pictureHalf(model: OnnxModel, picture: string): OnnxModel {
  const foreign = new Set(model.inputs.filter(({ name }) => name !== picture).map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  const used = new Set(model.outputs.map(({ name }) => name));
  for (const node of model.nodes) {
    const taken = tensorsNamedIn(node).filter((name) => name !== '');
    if (taken.some((name) => foreign.has(name))) for (const name of node.outputs) foreign.add(name);
    else {
      nodes.push(node);
      for (const name of taken) used.add(name);
    }
  }
  return {
    ...model,
    nodes,
    initializers: new Map([...model.initializers].filter(([name]) => used.has(name))),
    inputs: model.inputs.filter(({ name }) => name === picture),
    outputs: model.outputs.filter(({ name }) => !foreign.has(name)),
    valueInfo: new Map(),
  };
}
