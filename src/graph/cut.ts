// cut.ts: a network in two parts, one behind the other, where a single tensor goes from the first to the second. The first can
// be run once and the second many times on what it gave. This file changes graphs only.

import { elementCount, type Shape } from '../util/shape.ts';
import { layersBehind } from './behind.ts';
import { multiplyAddsByLayer } from './cost.ts';
import type { Graph, Layer } from './layers.ts';
import { freeName } from './output.ts';
import { inferShapes } from './shapes.ts';

/** A place where a network can be cut. */
export interface CutPlace {
  /** The layer whose output is all that the second part takes. */
  readonly border: string;
  /** Of that output, for one picture. */
  readonly shape: Shape;
  /** The first layer of the second part: what `learningLayers` takes to train all of it. */
  readonly first: string;
  /** Share of the network's multiply-adds in the second part, 0…1. */
  readonly share: number;
}

export interface CutGraph {
  /** From the picture to the border. */
  readonly front: Graph;
  /** From the border's numbers, as one vector a picture, to the network's output. */
  readonly back: Graph;
  readonly border: string;
  readonly shape: Shape;
}

/** All places where the network can be cut, in the graph's order. @param size `[H,W]` of the pictures; by default the graph's own */
export function cutPlaces(
  graph: Graph,
  size?: readonly [height: number, width: number],
): readonly CutPlace[] {
  const shapes = inferShapes(graph, size && [...size, 3]);
  const costs = multiplyAddsByLayer(graph, shapes);
  const lastUse = new Map([[graph.output, Infinity]]);
  graph.layers.forEach(({ inputs }, i) => {
    for (const name of inputs) if (lastUse.get(name) !== Infinity) lastUse.set(name, i);
  });
  let behind = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  const total = Math.max(1, behind);
  const places: CutPlace[] = [];
  const open = new Set<string>();
  graph.layers.forEach((layer, i) => {
    // `open` are the tensors that were made before this layer and are read by it or behind it.
    const [border, ...others] = open;
    if (
      border !== undefined &&
      others.length === 0 &&
      border !== graph.input &&
      layer.inputs.some((name) => name === border)
    ) {
      places.push({ border, shape: shapes.get(border)!, first: layer.name, share: behind / total });
    }
    behind -= costs.get(layer.name) ?? 0;
    for (const name of layer.inputs) if (lastUse.get(name) === i) open.delete(name);
    if (lastUse.has(layer.name)) open.add(layer.name);
  });
  return places;
}

/** The last place where everything that `first` and the layers behind it take is made before it; undefined where there is none. */
export function cutBefore(
  graph: Graph,
  first: string,
  size?: readonly [height: number, width: number],
): CutGraph | undefined {
  const position = new Map(graph.layers.map(({ name }, i) => [name, i]));
  const place = cutPlaces(graph, size).findLast(
    (known) => position.get(known.first)! <= position.get(first)!,
  );
  return place && cutAt(graph, place);
}

function cutAt(graph: Graph, { border, shape, first }: CutPlace): CutGraph {
  const begin = graph.layers.findIndex(({ name }) => name === first);
  const behind = graph.layers.slice(begin);
  const isVector = shape.length === 1;
  const input = isVector ? border : freeName('maps', graph.layers);
  const head: Layer[] = [{ kind: 'input', name: input, inputs: [], shape: [elementCount(shape)] }];
  if (!isVector) head.push({ kind: 'reshape', name: border, inputs: [input], shape });
  return {
    front: { ...graph, layers: layersBehind(graph.layers, [border]), output: border },
    back: { ...graph, layers: [...head, ...behind], input },
    border,
    shape,
  };
}
