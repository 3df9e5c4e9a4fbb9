// head-on.ts: a classifier on any layer of a network, whatever comes behind that layer. This file changes graphs only.

import { AppError } from '../util/errors.ts';
import { nearestNames } from '../util/names.ts';
import { quoted } from '../util/quoted.ts';
import { layersBehind } from './behind.ts';
import type { Graph, Layer } from './layers.ts';
import { freeName } from './output.ts';
import { inferShapes } from './shapes.ts';

export interface Headed {
  readonly graph: Graph;
  /** The new layer. */
  readonly classifier: string;
}

/**
 * Everything that a layer is computed from, and a classifier behind it: on the layer itself where that is a vector, else on the
 * mean of its places. Layers of a foreign network all stay: they do not learn, and can be asked for again.
 * @throws AppError USAGE when there is no such layer
 */
export function withHeadOn(graph: Graph, layer: string, classes: number): Headed {
  const shape = inferShapes(graph).get(layer);
  if (!shape) {
    const names = graph.layers.map(({ name }) => name);
    throw new AppError(
      'USAGE',
      `--layer ${quoted(layer)}: ${graph.name} has no such layer (did you mean ${nearestNames(layer, names).join(', ')}?). List them with: extract-features --list-layers`,
    );
  }
  const foreign = graph.layers.filter(({ kind }) => kind === 'onnx').map(({ name }) => name);
  const layers: Layer[] = [...layersBehind(graph.layers, [layer, ...foreign])];
  const push = (made: Layer): string => {
    layers.push(made);
    return made.name;
  };
  const free = (wanted: string) => freeName(wanted, layers);
  let from = layer;
  if (shape.length !== 1 && shape.length !== 3) {
    from = push({ kind: 'reshape', name: free('places'), inputs: [from], shape: [-1, 1, shape.at(-1)!] });
  }
  if (shape.length !== 1) from = push({ kind: 'globalAveragePooling2d', name: free('mean'), inputs: [from] });
  const classifier = push({
    kind: 'dense',
    name: free('classifier'),
    inputs: [from],
    units: classes,
    useBias: true,
  });
  return { graph: { ...graph, layers, output: classifier }, classifier };
}
