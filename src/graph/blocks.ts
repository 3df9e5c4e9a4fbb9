// blocks.ts: the layers of a network in blocks one behind the other, such as the residual blocks of a ResNet. This file takes graphs apart only.

import { cutPlaces } from './cut.ts';
import type { Graph, Layer } from './layers.ts';

/** Kinds whose kernels make a block of what stands around them. */
const KERNELS: ReadonlySet<Layer['kind']> = new Set(['conv2d', 'depthwiseConv2d', 'dense']);

/** Whether both stand in one numbered module: `blocks.3.expand_conv` and `blocks.3.project_conv`. */
function isOneModule(one: string, other: string): boolean {
  const [module] = /^(?:[^.]+\.)*?\d+\./.exec(one) ?? [];
  return module !== undefined && other.startsWith(module);
}

/**
 * What stands between two places where one tensor goes across; a part without a kernel (a norm, an activation) belongs to the block
 * before it, the picture to the first one, and parts without a shortcut of one numbered module to each other.
 * @param size `[H,W]` of the pictures; by default the graph's own
 * @returns names of layers, in the graph's order
 */
export function blocksOf(
  graph: Graph,
  size?: readonly [height: number, width: number],
): readonly (readonly string[])[] {
  const places = new Set(cutPlaces(graph, size).map(({ first }) => first));
  const parts: Layer[][] = [[]];
  for (const layer of graph.layers) {
    if (places.has(layer.name)) parts.push([]);
    parts.at(-1)!.push(layer);
  }
  // What has a shortcut is a block by itself.
  const isWhole = (part: readonly Layer[] = []) => part.some(({ kind }) => kind === 'add');
  const kernelsOf = (part: readonly Layer[]) => part.filter(({ kind }) => KERNELS.has(kind));
  const blocks: Layer[][] = [];
  for (const part of parts) {
    const before = blocks.at(-1);
    const last = before && kernelsOf(before).at(-1);
    const [first] = kernelsOf(part);
    const belongs =
      !last || !first || (isOneModule(last.name, first.name) && !isWhole(before) && !isWhole(part));
    if (before && belongs) before.push(...part);
    else blocks.push([...part]);
  }
  return blocks.map((block) => block.map(({ name }) => name));
}
