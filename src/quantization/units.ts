// units.ts: which layers of a network can be computed with bytes, and what is to be measured of their inputs and outputs for that.

import { consumersOf } from '../graph/consumers.ts';
import type { Graph, Layer, LayerOf } from '../graph/layers.ts';
import { inferShapes } from '../graph/shapes.ts';

/** What decides where a unit ends. */
export interface Surroundings {
  readonly consumers: ReadonlyMap<string, readonly Layer[]>;
  /** Layers whose output is wanted as it is. */
  readonly outputs: readonly string[];
}

/** A layer and those behind it that cost nothing in bytes: batch norm becomes weights, and what a relu cuts off has no byte. */
export interface Unit {
  readonly norm: LayerOf<'batchNormalization'> | undefined;
  readonly activation: 'relu' | 'relu6' | undefined;
  /** The layer whose output is the unit's. */
  readonly end: string;
}

export function unitFrom(head: Layer, surroundings: Surroundings): Unit {
  const isConvolution = head.kind === 'conv2d' || head.kind === 'depthwiseConv2d';
  const behind = soleConsumer(head, surroundings);
  const norm = isConvolution && behind?.kind === 'batchNormalization' ? behind : undefined;
  const last = norm ?? head;
  const next = soleConsumer(last, surroundings);
  if (next?.kind === 'activation' && (next.activation === 'relu' || next.activation === 'relu6')) {
    return { norm, activation: next.activation, end: next.name };
  }
  return { norm, activation: undefined, end: last.name };
}

function soleConsumer({ name }: Layer, { consumers, outputs }: Surroundings): Layer | undefined {
  const [next, ...others] = consumers.get(name) ?? [];
  return others.length > 0 || outputs.includes(name) ? undefined : next;
}

/** What is measured while pictures go through the network, by layer. */
export interface Places {
  /** Layers whose output becomes bytes. */
  readonly ranged: ReadonlySet<string>;
  /** The layer that each convolution takes, zeros around it left out. */
  readonly inputs: ReadonlyMap<string, string>;
}

/** A convolution of fewer channels gains nothing: bytes are multiplied in fours. */
const LEAST_CHANNELS = 8;

/**
 * The first convolutions and the classifier stay as they are: pictures have three channels, where bytes gain nothing, and what is lost
 * at the two ends is lost for all pictures.
 * @param classifier the layer that puts out the scores
 */
export function bytePlaces(graph: Graph, classifier?: string): Places {
  const shapes = inferShapes(graph);
  const surroundings = { consumers: consumersOf(graph), outputs: [graph.output] };
  const layers = new Map(graph.layers.map((layer) => [layer.name, layer]));
  const bytes = new Set<string>();
  const ranged = new Set<string>();
  const inputs = new Map<string, string>();
  for (const layer of graph.layers) {
    const sources = layer.inputs.map((name) => sourceOf(name, layers));
    if (layer.kind === 'conv2d' || layer.kind === 'depthwiseConv2d') {
      if (shapes.get(sources[0]!)!.at(-1)! < LEAST_CHANNELS || layer.name === classifier) continue;
      inputs.set(layer.name, sources[0]!);
    } else if (layer.kind === 'maxPooling2d') {
      if (bytes.has(sources[0]!)) bytes.add(layer.name);
      continue;
    } else if (layer.kind === 'add') {
      if (sources.length !== 2 || !sources.some((name) => bytes.has(name))) continue;
    } else if (layer.kind === 'concatenate') {
      if (!sources.every((name) => bytes.has(name))) continue;
    } else continue;
    const { end } = unitFrom(layer, surroundings);
    bytes.add(end);
    for (const name of [...sources, end]) ranged.add(name);
  }
  return { ranged, inputs };
}

/** The layer whose numbers a layer passes on: zeros around them and dropout change none. */
export function sourceOf(name: string, layers: ReadonlyMap<string, Layer>): string {
  const layer = layers.get(name);
  return layer?.kind === 'zeroPadding2d' || layer?.kind === 'dropout'
    ? sourceOf(layer.inputs[0], layers)
    : name;
}
