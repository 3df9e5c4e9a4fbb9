// behind.ts: the part of a graph that some of its layers are computed from.

import type { Layer } from './layers.ts';

/** The layers called `outputs` and all that these are computed from, in the graph's order. */
export function layersBehind(layers: readonly Layer[], outputs: Iterable<string>): readonly Layer[] {
  const needed = new Set(outputs);
  for (const { name, inputs } of layers.toReversed()) {
    if (needed.has(name)) for (const input of inputs) needed.add(input);
  }
  return layers.filter(({ name }) => needed.has(name));
}
