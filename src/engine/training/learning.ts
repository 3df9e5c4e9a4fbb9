// learning.ts: which part of a graph a training step trains.

import type { Graph, Layer } from '../../graph/layers.ts';
import { outputOf, withoutActivation } from '../../graph/output.ts';
import { AppError } from '../../util/errors.ts';
import type { TrainSpec } from '../training.ts';

/** A graph that ends in a softmax is trained on the input of that softmax, because the loss has a softmax of its own. */
export function trainedGraph(graph: Graph, { loss }: TrainSpec): Graph {
  const takesLogits = loss.kind === 'cross-entropy' && outputOf(graph).activation === 'softmax';
  return takesLogits ? withoutActivation(graph) : graph;
}

/**
 * The layers that learn: the named layer (or the first one of the named module) and all later ones in the graph's order.
 * @throws AppError USAGE when there is no such layer
 */
export function learningLayers(graph: Graph, trainFrom: string | undefined): readonly Layer[] {
  if (trainFrom === undefined) return graph.layers.filter((layer) => layer.kind !== 'input');
  const first = graph.layers.findIndex(({ name }) => name === trainFrom || name.startsWith(`${trainFrom}.`));
  if (first < 1) {
    const modules = new Set(graph.layers.slice(1).map(({ name }) => name.split('.')[0]!));
    throw new AppError(
      'USAGE',
      `${graph.name} has no layer or module '${trainFrom}' to train from; it has ${[...modules].join(', ')}`,
    );
  }
  return graph.layers.slice(first);
}
