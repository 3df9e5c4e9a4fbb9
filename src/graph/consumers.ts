// consumers.ts: which layers take a layer's output.

import type { Graph, Layer } from './layers.ts';

/** Every layer's consumers, by name. */
export function consumersOf(graph: Graph): ReadonlyMap<string, readonly Layer[]> {
  const consumers = new Map<string, Layer[]>();
  for (const layer of graph.layers) {
    for (const input of layer.inputs) {
      const known = consumers.get(input);
      if (known) known.push(layer);
      else consumers.set(input, [layer]);
    }
  }
  return consumers;
}
