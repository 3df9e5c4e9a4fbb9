// evidence.ts: where a network still knows which place of a picture its numbers come from: the last layer with places, and what makes
// scores of it. This file changes graphs only.

import { elementCount, type Shape } from '../util/shape.ts';
import { cutBefore, cutPlaces, type CutGraph } from './cut.ts';
import type { Graph, Layer } from './layers.ts';
import { isOpaque } from './opaque.ts';
import { outputOf, withoutActivation } from './output.ts';
import { inferShapes, type Shapes } from './shapes.ts';

export type Evidence =
  /** The network in two parts: the border is the last layer with places, the back puts out the classes' scores. */
  | { readonly kind: 'places'; readonly cut: CutGraph }
  /** What is behind the picture cannot be taken apart. */
  | { readonly kind: 'picture' };

/**
 * @param size `[H,W]` of the pictures; by default the graph's own
 * @returns undefined where the network has no layer that looks at places of the picture
 */
export function evidenceIn(
  graph: Graph,
  size?: readonly [height: number, width: number],
): Evidence | undefined {
  const scores = scoresOf(graph);
  const shapes = inferShapes(scores, size && [...size, 3]);
  const looks = scores.layers.findIndex(({ kind }) => LOOKS.has(kind));
  if (looks < 0) return undefined;
  const layers = new Map(scores.layers.map((layer, i) => [layer.name, { layer, i }]));
  const place = cutPlaces(scores, size).findLast(({ border }) => {
    const { layer, i } = layers.get(border)!;
    return i >= looks && hasPlaces(layer, shapes);
  });
  const cut = place && cutBefore(scores, place.first, size);
  return cut && !isOpaque(cut.back) ? { kind: 'places', cut } : { kind: 'picture' };
}

/** Kinds whose numbers are of places that the network has looked at; layers before them only prepare the picture. */
const LOOKS: ReadonlySet<Layer['kind']> = new Set(['conv2d', 'depthwiseConv2d', 'onnx']);

/** The network without its final softmax, unless that is of places and their mean is what the network puts out. */
function scoresOf(graph: Graph): Graph {
  const isVector = inferShapes(graph).get(outputOf(graph).logits)!.length === 1;
  return isVector ? withoutActivation(graph) : graph;
}

/** Rows and columns of the picture; the words of a transformer, or a matrix of its attention, are none. */
function hasPlaces(layer: Layer, shapes: Shapes): boolean {
  const shape = shapes.get(layer.name)!;
  if (shape.length !== 3 || elementCount(sidesOf(shape)) === 1) return false;
  if (layer.kind === 'onnx') return layer.isChannelsSecond === true;
  if (layer.kind !== 'reshape') return true;
  const [rows, columns] = sidesOf(shapes.get(layer.inputs[0])!);
  return rows === shape[0] && columns === shape[1];
}

const sidesOf = (shape: Shape) => shape.slice(0, 2);
