// head-on.ts: a classifier on any layers of a network, whatever comes behind them. This file changes graphs only.

import { AppError } from '../util/errors.ts';
import { nearestNames } from '../util/names.ts';
import type { Pool } from '../util/pooling.ts';
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

const POOLINGS = {
  avg: ['globalAveragePooling2d'],
  max: ['globalMaxPooling2d'],
  'avg+max': ['globalAveragePooling2d', 'globalMaxPooling2d'],
} as const satisfies Record<Pool, readonly Layer['kind'][]>;

const NAMES = { globalAveragePooling2d: 'mean', globalMaxPooling2d: 'maximum' } as const;

/**
 * Everything that some layers are computed from, and a classifier behind them: on a layer itself where it is a vector, else on what
 * its places are pooled to. The vectors of several layers are joined. Layers of a foreign network all stay: they do not learn,
 * and can be asked for again.
 * @throws AppError USAGE when there is no such layer
 */
export function withHeadOn(
  graph: Graph,
  names: readonly [string, ...string[]],
  classes: number,
  pool: Pool = 'avg',
): Headed {
  const shapes = inferShapes(graph);
  const foreign = graph.layers.filter(({ kind }) => kind === 'onnx').map(({ name }) => name);
  const layers: Layer[] = [
    ...layersBehind(graph.layers, [...names.map((name) => known(graph, name)), ...foreign]),
  ];
  const push = (made: Layer): string => {
    layers.push(made);
    return made.name;
  };
  const free = (wanted: string) => freeName(wanted, layers);
  const vectors = names.flatMap((name) => {
    const shape = shapes.get(name)!;
    if (shape.length === 1) return [name];
    const places =
      shape.length === 3
        ? name
        : push({ kind: 'reshape', name: free('places'), inputs: [name], shape: [-1, 1, shape.at(-1)!] });
    return POOLINGS[pool].map((kind) => push({ kind, name: free(NAMES[kind]), inputs: [places] }));
  });
  const [first, ...others] = vectors as [string, ...string[]];
  const from =
    others.length === 0
      ? first
      : push({ kind: 'concatenate', name: free('joined'), inputs: [first, ...others] });
  const classifier = push({
    kind: 'dense',
    name: free('classifier'),
    inputs: [from],
    units: classes,
    useBias: true,
  });
  return { graph: { ...graph, layers, output: classifier }, classifier };
}

/** The layer's own name. @throws AppError USAGE */
function known(graph: Graph, wanted: string): string {
  const names = graph.layers.map(({ name }) => name);
  if (names.includes(wanted)) return wanted;
  throw new AppError(
    'USAGE',
    `layer ${quoted(wanted)}: ${graph.name} has no such layer (did you mean ${nearestNames(wanted, names).join(', ')}?). List them with: extract-features --list-layers`,
  );
}

/** The layers whose means over all places are this vector, one behind the other; undefined where the vector is made otherwise. */
export function pooledLayers(graph: Graph, vector: string): readonly [string, ...string[]] | undefined {
  const layer = graph.layers.find(({ name }) => name === vector);
  switch (layer?.kind) {
    case 'globalAveragePooling2d':
      return [layer.inputs[0]];
    case 'dropout':
    case 'flatten':
    case 'reshape':
      return pooledLayers(graph, layer.inputs[0]);
    case 'concatenate': {
      const parts = layer.inputs.map((name) => pooledLayers(graph, name));
      return parts.every((part) => part !== undefined) ? (parts.flat() as [string, ...string[]]) : undefined;
    }
    default:
      return undefined;
  }
}
