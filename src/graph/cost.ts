// cost.ts: what a network costs: parameters to store, multiply-adds to run. Counts, not timings.

import { elementCount, type Shape } from '../util/shape.ts';
import { kindOf } from './kinds/kinds.ts';
import { weightName, type Graph, type Layer } from './layers.ts';
import { inferShapes, weightShapes, type Shapes } from './shapes.ts';

/** Every weight of a graph with its shape, in layer order. */
export function allWeightShapes(
  graph: Graph,
  shapes: Shapes = inferShapes(graph),
): ReadonlyMap<string, Shape> {
  const all = new Map<string, Shape>();
  for (const layer of graph.layers) {
    for (const [role, shape] of weightShapes(layer, inputShapeOf(layer, shapes))) {
      all.set(weightName(layer.name, role), shape);
    }
  }
  return all;
}

/** Whether the network has the same weights for pictures of another size, and computes something for them. */
export function takesSize(graph: Graph, size: readonly [height: number, width: number]): boolean {
  const listed = (shapes: Shapes) => JSON.stringify([...allWeightShapes(graph, shapes)]);
  try {
    return listed(inferShapes(graph, [...size, 3])) === listed(inferShapes(graph));
  } catch {
    return false;
  }
}

/** Learnable parameters, as papers and torchvision count them: without the running statistics of batch norm. */
export function countParameters(graph: Graph): number {
  let total = 0;
  for (const [name, shape] of allWeightShapes(graph)) {
    if (!name.endsWith('/moving_mean') && !name.endsWith('/moving_variance')) total += elementCount(shape);
  }
  return total;
}

/**
 * Multiply-adds of convolutions and dense layers for one picture. Published "GFLOPs" of classification
 * networks (torchvision's among them) are this number divided by 1e9.
 */
export function countMultiplyAdds(graph: Graph, inputShape?: Shape): number {
  const costs = multiplyAddsByLayer(graph, inferShapes(graph, inputShape));
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0);
}

/** The same for each layer, by its name. */
export function multiplyAddsByLayer(graph: Graph, shapes: Shapes): ReadonlyMap<string, number> {
  return new Map(
    graph.layers.map((layer) => {
      const cost = kindOf(layer).multiplyAdds?.(layer, inputShapeOf(layer, shapes)!, shapes.get(layer.name)!);
      return [layer.name, cost ?? 0];
    }),
  );
}

function inputShapeOf(layer: Layer, shapes: Shapes): Shape | undefined {
  const [first] = layer.inputs;
  return first === undefined ? undefined : shapes.get(first);
}
