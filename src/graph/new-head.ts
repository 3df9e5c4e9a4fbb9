// new-head.ts: a network for other classes: the classifier takes as many outputs as there are, everything else stays. This
// file changes graphs only; the trainer sets the numbers of the new layer.

import { AppError } from '../util/errors.ts';
import { weightName, type Graph, type Layer, type Weight, type Weights } from './layers.ts';
import { withoutActivation } from './output.ts';
import { inferShapes } from './shapes.ts';

/** A linear classifier: `kernel` `[features, classes]`, `bias` `[classes]`, row-major. */
export interface HeadWeights {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/**
 * The graph with a classifier of so many classes. It puts out logits: a final softmax or sigmoid of the old one is left out.
 * @throws AppError MODEL_UNSUPPORTED when the classifier is no dense layer on a vector
 */
export function withNewHead(graph: Graph, classifier: string, classes: number): Graph {
  const old = graph.layers.find((layer) => layer.name === classifier);
  const input = old?.inputs[0];
  const taken = input === undefined ? undefined : inferShapes(graph).get(input);
  if (old?.kind !== 'dense' || taken?.length !== 1) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${graph.name} ends in ${old ? `'${classifier}', a ${old.kind}` : 'no layer with weights'}; finetune replaces a dense layer that takes a vector`,
    );
  }
  const head: Layer = { ...old, units: classes, useBias: true };
  return withoutActivation({ ...graph, layers: graph.layers.map((layer) => (layer === old ? head : layer)) });
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
