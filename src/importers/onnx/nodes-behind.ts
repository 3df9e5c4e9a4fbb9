// nodes-behind.ts: the part of a foreign network that one of its tensors is computed from.

import { tensorsNamedIn } from '../../engine/onnx/renamed.ts';
import type { OnnxNode } from '../../formats/onnx-model.ts';

/** The nodes that a tensor depends on, in their order, and all tensors that these take or give on the way to it. */
export function nodesBehind(nodes: readonly OnnxNode[], tensor: string) {
  const taken = new Set([tensor]);
  const found: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => taken.has(output))) continue;
    found.push(node);
    for (const input of tensorsNamedIn(node)) taken.add(input);
  }
  return { nodes: found.reverse() as readonly OnnxNode[], taken: taken as ReadonlySet<string> };
}
