// made-up-model.ts: any graph with made-up weights, ready for an engine or a folder.

import type { Graph, Weight } from '../../src/graph/layers.ts';
import { allWeightShapes } from '../../src/graph/cost.ts';
import type { Shapes } from '../../src/graph/shapes.ts';
import { elementCount } from '../../src/util/shape.ts';
import { float32Of, fnv1a, uniform } from './lcg.ts';

/** Weights by role: kernels that keep the scale, batch norms near the identity. */
export function madeUpWeights(graph: Graph, shapes?: Shapes): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const [name, shape] of allWeightShapes(graph, shapes)) {
    const seed = fnv1a(name);
    const bound = Math.sqrt(3 / Math.max(1, elementCount(shape.slice(0, -1))));
    const value = (u: number) => {
      if (name.endsWith('kernel')) return (2 * u - 1) * bound;
      if (name.endsWith('moving_variance') || name.endsWith('gamma')) return 0.5 + u;
      return u - 0.5;
    };
    const data = float32Of(elementCount(shape), (i) => value(uniform(seed, i)));
    weights.set(name, { shape, data });
  }
  return weights;
}

export const HALF = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
