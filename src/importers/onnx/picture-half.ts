// picture-half.ts: the part of a foreign network that pictures go through: a CLIP also has a half for texts, which stays behind with
// its weights.

import { tensorsNamedIn } from '../../engine/onnx/renamed.ts';
import type { OnnxModel, OnnxNode } from '../../formats/onnx-model.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

/** @throws AppError MODEL_UNSUPPORTED when the output needs more than the picture */
export function pictureHalf(model: OnnxModel, picture: string, output: string): OnnxModel {
  const foreign = new Set(model.inputs.filter(({ name }) => name !== picture).map(({ name }) => name));
  const others = [...foreign];
  const nodes: OnnxNode[] = [];
  const used = new Set<string>();
  for (const node of model.nodes) {
    const taken = tensorsNamedIn(node).filter((name) => name !== '');
    if (taken.some((name) => foreign.has(name))) for (const name of node.outputs) foreign.add(name);
    else {
      nodes.push(node);
      for (const name of taken) used.add(name);
    }
  }
  if (foreign.has(output)) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `the output ${quoted(output)} is computed from ${quoted(others.join(', '))} too; finch runs networks that need a picture and nothing else`,
    );
  }
  return {
    ...model,
    nodes,
    initializers: new Map([...model.initializers].filter(([name]) => used.has(name) || name === output)),
    inputs: model.inputs.filter(({ name }) => name === picture),
    outputs: model.outputs.filter(({ name }) => !foreign.has(name)),
    valueInfo: new Map(),
  };
}
