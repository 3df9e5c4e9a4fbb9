// mirrored.ts: a network that sees each picture and its mirror image: what a head is put on is the mean of both. The network is there twice,
// with the same weights, in layers that every program has. This file changes graphs and names weights.

import { layersBehind } from './behind.ts';
import type { Headed } from './head-on.ts';
import { layerOf, weightName, type Graph, type Layer, type Weight, type Weights } from './layers.ts';

/** Of the layers that are there for the second time; those between picture, both networks and head have names of their own. */
const PREFIX = 'mirrored.';
const [COLUMNS, REVERSED, TURNED] = ['mirror.columns', 'mirror.reversed', 'mirror.turned'];
const [BOTH, MEAN] = ['mirror.both', 'mirror.mean'];
const ADDED: ReadonlySet<string> = new Set([COLUMNS, REVERSED, TURNED, BOTH, MEAN]);

/**
 * @param width of the pictures that the network sees, which is there once in `graph`
 * @returns the classifier behind the mean of its input over the picture and its mirror image
 */
export function withMirror({ graph, classifier }: Headed, width: number): Graph {
  const head = graph.layers.find(({ name }) => name === classifier)!;
  const [embedding] = head.inputs as readonly [string];
  const seen = layersBehind(graph.layers, [embedding]);
  const twice = seen
    .filter(({ name }) => name !== graph.input)
    .map((layer) => mirroredLayer(layer, graph.input));
  const mean: readonly Layer[] = [
    { kind: 'add', name: BOTH, inputs: [embedding, PREFIX + embedding] },
    { kind: 'rescaling', name: MEAN, inputs: [BOTH], scale: 0.5, offset: 0 },
  ];
  const behind = graph.layers.filter((layer) => !seen.includes(layer));
  const layers = [
    ...seen,
    ...turned(graph.input, width),
    ...twice,
    ...mean,
    ...behind.map((layer): Layer => (layer === head ? { ...head, inputs: [MEAN] } as Layer : layer)),
  ]; // prettier-ignore
  return { ...graph, layers };
}

/** Whether a layer has been added by `withMirror`. */
export const isOfMirror = (layer: string): boolean => layer.startsWith(PREFIX) || ADDED.has(layer);

export const isMirrored = ({ layers }: Graph): boolean => layers.some(({ name }) => name === REVERSED);

/** What `withMirror` was given: the network once, its classifier on what it makes of the picture itself. */
export function withoutMirror(graph: Graph): Graph {
  const [embedding] = graph.layers.find(({ name }) => name === BOTH)!.inputs as readonly [string];
  const layers = graph.layers
    .filter(({ name }) => !isOfMirror(name))
    .map((layer): Layer => {
      const inputs = layer.inputs.map((name) => (name === MEAN ? embedding : name));
      return { ...layer, inputs } as Layer;
    });
  return { ...graph, layers };
}

/** The network as it sees the mirror images of its pictures alone. @param width of the pictures */
export function ofMirrorImages(graph: Graph, width: number): Graph {
  const layers = graph.layers.flatMap((layer): readonly Layer[] => {
    if (layer.name === graph.input) return [layer, ...turned(graph.input, width)];
    const inputs = layer.inputs.map((name) => (name === graph.input ? TURNED : name));
    return [{ ...layer, inputs } as Layer];
  });
  return { ...graph, layers };
}

/** Columns in reverse order: a product with a matrix that has ones where the axes cross, so that every number stays what it is. */
function turned(input: string, width: number): readonly Layer[] {
  return [
    { kind: 'permute', name: COLUMNS, inputs: [input], dims: [1, 3, 2] },
    { kind: 'dense', name: REVERSED, inputs: [COLUMNS], units: width, useBias: false },
    { kind: 'permute', name: TURNED, inputs: [REVERSED], dims: [1, 3, 2] },
  ];
}

function mirroredLayer(layer: Layer, input: string): Layer {
  const inputs = layer.inputs.map((name) => (name === input ? TURNED : PREFIX + name));
  return { ...layer, name: PREFIX + layer.name, inputs } as Layer;
}

/** The weights of the layers that `withMirror` has added: the same arrays under other names, and the reversing matrix. */
export function withMirroredWeights(graph: Graph, weights: Weights): Weights {
  const reversing = graph.layers.find(({ name }) => name === REVERSED);
  if (reversing?.kind !== 'dense') return weights;
  const names = new Set(graph.layers.map(({ name }) => name));
  const twice = [...weights].filter(([name]) => names.has(PREFIX + layerOf(name)));
  return new Map([
    ...weights,
    ...twice.map(([name, weight]): [string, Weight] => [PREFIX + name, weight]),
    [weightName(reversing.name, 'kernel'), exchange(reversing.units)],
  ]);
}

/** `[n,n]`: 1 on the diagonal from the upper right to the lower left. */
function exchange(n: number): Weight {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + n - 1 - i] = 1;
  return { shape: [n, n], data };
}
