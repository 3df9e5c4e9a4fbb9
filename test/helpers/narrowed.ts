// narrowed.ts: a network of the zoo with all its layers and a part of its channels, as make_families.py makes PyTorch's.

import type { Graph, Layer } from '../../src/graph/layers.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { elementCount } from '../../src/util/shape.ts';

/** @param share each layer with weights puts out so many times fewer numbers; the classifier keeps its classes, and nothing is dropped */
export function narrowed(graph: Graph, classifier: string, share: number, size: number): Graph {
  const part = (channels: number) => Math.max(1, Math.floor(channels / share));
  const layers: Layer[] = [];
  const narrow = (layer: Layer): Layer => {
    if (layer.kind === 'input') return { ...layer, shape: [size, size, 3] };
    if (layer.kind === 'dropout') return { ...layer, rate: 0 };
    if (layer.name === classifier) return layer;
    if (layer.kind === 'conv2d') return { ...layer, filters: part(layer.filters) };
    if (layer.kind === 'dense') return { ...layer, units: part(layer.units) };
    if (layer.kind === 'reshape') {
      // Channels come last, whatever they are.
      const [from] = layer.inputs;
      const numbers = elementCount(inferShapes({ ...graph, layers, output: from }).get(from)!);
      const before = layer.shape.slice(0, -1);
      return { ...layer, shape: [...before, numbers / elementCount(before)] };
    }
    if (layer.kind === 'cropping2d' && isOfChannels(layer.inputs[0], layers)) {
      const { top, bottom, left, right } = layer.crop;
      return {
        ...layer,
        crop: { top, bottom, left: Math.floor(left / share), right: Math.floor(right / share) },
      };
    }
    return layer;
  };
  for (const layer of graph.layers) layers.push(narrow(layer));
  return { ...graph, layers };
}

/** A slice of channels: Keras crops columns, which they are behind a permute that swaps the two. */
function isOfChannels(from: string, layers: readonly Layer[]): boolean {
  const before = layers.find(({ name }) => name === from);
  return before?.kind === 'permute' && before.dims.join() === '1,3,2' && from.endsWith('.columns');
}
