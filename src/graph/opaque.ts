// opaque.ts: what a graph says of the foreign network that is in it, if one is: it runs, but nothing of it is taken apart or learns.

import type { Graph, Layer, LayerOf } from './layers.ts';

const isForeign = (layer: Layer): layer is LayerOf<'onnx'> => layer.kind === 'onnx';

export function isOpaque({ layers }: Graph): boolean {
  return layers.some(isForeign);
}

/** How many pictures a foreign network takes in every run; undefined where it takes any number. */
export function fixedBatch({ layers }: Graph): number | undefined {
  return layers.find(isForeign)?.from.batch;
}
