// joined.ts: two networks that see the same picture as one network: a head is put on the vectors of both, one behind the other. This file
// changes graphs and names weights.

import type { Rgb } from '../util/preprocessing.ts';
import { layersBehind } from './behind.ts';
import { withHeadOn, type Headed } from './head-on.ts';
import { layerOf, weightName, type Graph, type Layer, type Weight, type Weights } from './layers.ts';
import { withHeadWeights } from './new-head.ts';
import { freeName } from './output.ts';
import { inferShapes } from './shapes.ts';

export interface JoiningNetwork {
  readonly graph: Graph;
  /** The layer whose output is joined: a vector, or places of which the mean is taken. */
  readonly embedding: string;
  /** What it wants of a pixel of 0 … 1: less the mean, divided by the deviation. */
  readonly mean: Rgb;
  readonly std: Rgb;
}

export interface JoinedNetworks extends Headed {
  /** Of the names of the second network's layers. */
  readonly prefix: string;
  /** Of both networks, and zeros for the classifier, which has one output until a new head takes its place. */
  weights(first: Weights, second: Weights): Weights;
}

/**
 * The second network's layers are called `second.` and their name. It takes the pictures of the first one, in statistics of its own.
 * What comes behind the embeddings is left out.
 */
export function joinNetworks(first: JoiningNetwork, second: JoiningNetwork): JoinedNetworks {
  const { graph } = first;
  const prefix = freePrefix(graph);
  const turned = inOtherStatistics(first, second, prefix);
  const named = (name: string) => (name === second.graph.input ? (turned?.layer.name ?? graph.input) : prefix + name); // prettier-ignore
  const others = layersBehind(second.graph.layers, [second.embedding])
    .filter(({ name }) => name !== second.graph.input)
    .map((layer) => ({ ...layer, name: prefix + layer.name, inputs: layer.inputs.map(named) }) as Layer);
  const own = layersBehind(graph.layers, [first.embedding]);
  const layers = [...own, ...(turned ? [turned.layer] : []), ...others];
  const headed = withHeadOn(
    { ...graph, layers, output: first.embedding },
    [first.embedding, prefix + second.embedding],
    1,
  );
  return {
    ...headed,
    prefix,
    weights(ofFirst, ofSecond) {
      const names = new Set(layers.map(({ name }) => name));
      const all = new Map<string, Weight>([
        ...ofFirst,
        ...[...ofSecond].map(([name, weight]) => [prefix + name, weight] as const),
        ...(turned?.weights ?? []),
      ]);
      for (const name of all.keys()) if (!names.has(layerOf(name))) all.delete(name);
      const [numbers] = inferShapes(headed.graph).get(embeddingOf(headed))!;
      return withHeadWeights(all, headed.classifier, { kernel: new Float32Array(numbers!), bias: new Float32Array(1) }); // prettier-ignore
    },
  };
}

/** A network that is a joined one already has layers of such names. */
function freePrefix({ layers }: Graph): string {
  let prefix = 'second.';
  for (let i = 2; layers.some(({ name }) => name.startsWith(prefix)); i++) prefix = `second_${i}.`;
  return prefix;
}

const embeddingOf = ({ graph, classifier }: Headed) =>
  graph.layers.find(({ name }) => name === classifier)!.inputs[0]!;

/** A layer that never changes, from pixels in the statistics of one network to those of another; undefined where they are the same. */
function inOtherStatistics(
  { graph, mean, std }: JoiningNetwork,
  other: JoiningNetwork,
  prefix: string,
): { readonly layer: Layer; readonly weights: Weights } | undefined {
  if (mean.every((value, i) => value === other.mean[i] && std[i] === other.std[i])) return undefined;
  const name = prefix + freeName('normalization', other.graph.layers);
  const weight = (of: (i: number) => number): Weight => ({ shape: [3], data: Float32Array.from([0, 1, 2], of) });
  return {
    layer: { kind: 'batchNormalization', name, inputs: [graph.input], epsilon: 0, momentum: 1, center: false, scale: false, isFixed: true },
    weights: new Map([
      [weightName(name, 'moving_mean'), weight((i) => (other.mean[i]! - mean[i]!) / std[i]!)],
      [weightName(name, 'moving_variance'), weight((i) => (other.std[i]! / std[i]!) ** 2)],
    ]),
  };
} // prettier-ignore
