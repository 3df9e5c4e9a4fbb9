// new-head.ts: a network for other classes: the classifier takes as many outputs as there are, everything else stays. This
// file changes graphs only; the trainer sets the numbers of the new layer.

import { AppError } from '../util/errors.ts';
import { layersBehind } from './behind.ts';
import { weightName, type Graph, type Layer, type Weight, type Weights } from './layers.ts';
import { withoutActivation } from './output.ts';
import { inferShapes } from './shapes.ts';

/** A linear classifier: `kernel` `[features, classes]`, `bias` `[classes]`, row-major. */
export interface HeadWeights {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/**
 * The graph with a classifier of so many classes. It puts out logits: what came behind the old one is left out. A
 * classifier that looks at every place, of whose answers the network takes the mean (SqueezeNet), looks at the mean of the places.
 * @throws AppError MODEL_UNSUPPORTED when the classifier is no dense layer, or its input neither a vector nor pooled behind it
 */
export function withNewHead(graph: Graph, classifier: string, classes: number): Graph {
  const logits = withoutActivation(graph);
  const old = logits.layers.find((layer) => layer.name === classifier);
  const input = old?.inputs[0];
  const taken = input === undefined ? undefined : inferShapes(logits).get(input);
  if (old?.kind === 'dense' && taken?.length === 1) {
    const head: Layer = { ...old, units: classes, useBias: true };
    // What came behind the old classifier, such as an activation or a reshape to its classes, is not the new one's.
    const layers = layersBehind(graph.layers, [classifier]).map((layer) => (layer === old ? head : layer));
    return { ...graph, layers, output: classifier };
  }
  const pool = old?.kind === 'dense' || isPoint(old) ? meanBehind(logits, classifier) : undefined;
  if (pool) return pooledBefore(logits, classifier, { pool, input: input!, classes });
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `${graph.name} ends in ${old ? `'${classifier}', a ${old.kind}` : 'no layer with weights'}; finetune replaces a dense layer that takes a vector`,
  );
}

const isPoint = (layer: Layer | undefined) =>
  layer?.kind === 'conv2d' && [...layer.kernelSize, ...layer.strides].every((size) => size === 1);

/** The mean over all places that a classifier's answers go through on their way out, if nothing else with weights is there. */
function meanBehind(graph: Graph, classifier: string): Layer | undefined {
  let from = classifier;
  while (from !== graph.output) {
    const [next, ...others] = graph.layers.filter(({ inputs }) => inputs.some((name) => name === from));
    if (!next || others.length > 0) return undefined;
    if (next.kind === 'globalAveragePooling2d') return next.name === graph.output ? next : undefined;
    if (next.kind !== 'activation' && next.kind !== 'dropout') return undefined;
    from = next.name;
  }
  return undefined;
}

/** Everything before the classifier, the mean, and a dense layer of the classifier's name. */
function pooledBefore(
  graph: Graph,
  classifier: string,
  { pool, input, classes }: { readonly pool: Layer; readonly input: string; readonly classes: number },
): Graph {
  const before = graph.layers.slice(
    0,
    graph.layers.findIndex(({ name }) => name === classifier),
  );
  const mean: Layer = { kind: 'globalAveragePooling2d', name: pool.name, inputs: [input] };
  const head: Layer = { kind: 'dense', name: classifier, inputs: [pool.name], units: classes, useBias: true };
  return { ...graph, layers: [...before, mean, head], output: classifier };
}

/** The same network for pictures of another size: other programs require the exact input shape. */
export function withInputSize(graph: Graph, size: readonly [height: number, width: number]): Graph {
  const layers = graph.layers.map((layer): Layer => {
    return layer.kind === 'input' ? { ...layer, shape: [...size, layer.shape.at(-1)!] } : layer;
  });
  return { ...graph, layers };
}

/** The weights of a network whose classifier is `head`; its former classifier is left out. */
export function withHeadWeights(
  weights: Weights,
  classifier: string,
  { kernel, bias }: HeadWeights,
): Map<string, Weight> {
  const classes = bias.length;
  const result = new Map(weights);
  result.set(weightName(classifier, 'kernel'), { shape: [kernel.length / classes, classes], data: kernel });
  result.set(weightName(classifier, 'bias'), { shape: [classes], data: bias });
  return result;
}

/** The weights of the same network with its logits divided by a temperature. */
export function withTemperature(
  weights: Weights,
  classifier: string,
  temperature: number,
): Map<string, Weight> {
  const divided = (name: 'kernel' | 'bias'): Weight => {
    const { shape, data } = weights.get(weightName(classifier, name))!;
    return { shape, data: data.map((value) => value / temperature) };
  };
  return new Map(weights)
    .set(weightName(classifier, 'kernel'), divided('kernel'))
    .set(weightName(classifier, 'bias'), divided('bias'));
}

/** The head alone, on vectors of features: what learns while the rest is frozen. */
export function headGraph(features: number, classes: number): Graph {
  return {
    name: 'head',
    layers: [
      { kind: 'input', name: 'features', inputs: [], shape: [features] },
      { kind: 'dense', name: 'head', inputs: ['features'], units: classes, useBias: true },
    ],
    input: 'features',
    output: 'head',
  };
}
