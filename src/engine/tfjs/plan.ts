// plan.ts: a graph -> the layers that have to be computed for the outputs asked for, in order: convolutions that can
// pad add the zeros themselves, and every result is disposed of after its last use. Nothing is computed here.

import type { Graph, Layer, Padding2d } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';

export interface PlannedLayer {
  readonly layer: Layer;
  /** Layers whose results it takes; a padding layer is skipped when this layer pads itself. */
  readonly inputs: readonly string[];
  readonly pad?: Padding2d;
  /** Results that no later layer uses. */
  readonly release: readonly string[];
}

/**
 * @param given layers whose results are there already
 * @throws AppError MODEL_INVALID when an output is no layer of the graph
 */
export function planOf(
  graph: Graph,
  outputs: readonly string[],
  given: ReadonlySet<string> = new Set(),
): readonly PlannedLayer[] {
  const byName = new Map(graph.layers.map((layer) => [layer.name, layer]));
  const needed = new Set(outputs);
  for (const name of needed) {
    if (!byName.has(name)) throw new AppError('MODEL_INVALID', `${graph.name} has no layer '${name}'`);
  }
  const kept = new Set([...outputs, ...given]);
  const plan: PlannedLayer[] = [];
  for (const layer of graph.layers.toReversed()) {
    if (!needed.has(layer.name) || given.has(layer.name)) continue;
    const padding = ownPadding(layer, byName);
    const inputs: readonly string[] = padding && !given.has(padding.name) ? padding.inputs : layer.inputs;
    // Going backwards, the first layer found that uses a result is the last one to use it.
    const release = inputs.filter((name, i) => !kept.has(name) && inputs.indexOf(name) === i);
    for (const name of inputs) {
      needed.add(name);
      kept.add(name);
    }
    plan.push({ layer, inputs, release, ...(inputs !== layer.inputs && padding && { pad: padding.pad }) });
  }
  return plan.reverse();
}

/** The padding before a convolution, which pads with the same zeros itself. Max pooling does not: its border is -infinity. */
function ownPadding(layer: Layer, byName: ReadonlyMap<string, Layer>) {
  if (layer.kind !== 'conv2d' && layer.kind !== 'depthwiseConv2d') return undefined;
  const before = byName.get(layer.inputs[0]);
  return layer.padding === 'valid' && before?.kind === 'zeroPadding2d' ? before : undefined;
}
