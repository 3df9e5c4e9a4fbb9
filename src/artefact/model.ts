// model.ts: a model as finch holds it: a network, its weights, and all that is needed to use it and to trust it.

import type { OnnxModel } from '../formats/onnx-model.ts';
import type { Graph, Weights } from '../graph/layers.ts';
import { countParameters } from '../graph/cost.ts';
import { outputOf, type NetworkOutput } from '../graph/output.ts';
import type { Novelty } from '../util/novelty.ts';
import type { Quantization } from '../quantization/quantization.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { elementCount } from '../util/shape.ts';
import type { QuantizationFacts } from './quantization-facts.ts';
import type { TextHalf } from './text-half.ts';

/** Class names: a set known by name, or the model's own in the order of its outputs. */
export type LabelSource =
  { readonly set: 'imagenet' } | { readonly set: 'own'; readonly names: readonly string[] };

/** Where weights came from and under which terms. */
export interface Provenance {
  readonly source: string;
  readonly sha256?: string;
  readonly licence?: string;
  /** What was done to them on the way. */
  readonly changes?: string;
}

export interface Model {
  readonly name: string;
  readonly graph: Graph;
  readonly weights: Weights;
  /** The foreign network behind the graph's `onnx` layers. */
  readonly foreign?: OnnxModel | undefined;
  /** The half of a network of pictures and words that takes texts. */
  readonly text?: TextHalf | undefined;
  /** What tells pictures unlike all that the network has learnt; absent where it was not fine-tuned by finch. */
  readonly novelty?: Novelty | undefined;
  /** How it is computed with bytes; absent where it is not. */
  readonly quantization?: Quantization | undefined;
  /** What was found when it was tried with bytes; absent where nobody has. */
  readonly int8?: QuantizationFacts;
  /** Absent in foreign models that do not say. */
  readonly preprocessing?: Preprocessing;
  readonly labels?: LabelSource;
  readonly architecture?: string;
  /** The layer whose input is the picture's embedding, and which a new head replaces. */
  readonly classifier?: string;
  /** The layer whose output is the picture's embedding, where that is no classifier's input. */
  readonly embedding?: string;
  /** Present where the network puts out an embedding instead of scores of classes. */
  readonly gives?: 'features';
  readonly provenance?: Provenance;
}

/**
 * The layer whose output is the picture's embedding: the classifier's input. A foreign model does not say which its
 * classifier is: the last layer with weights is taken.
 */
export function embeddingLayer({
  graph,
  classifier,
  embedding,
}: Pick<Model, 'graph' | 'classifier' | 'embedding'>): string {
  if (embedding !== undefined) return embedding;
  const named = graph.layers.find((layer) => layer.name === classifier);
  const last = named ?? graph.layers.findLast((layer) => layer.kind === 'dense' || layer.kind === 'conv2d');
  return last?.inputs[0] ?? graph.output;
}

/** What the network puts out, its only number read as a choice between two classes unless the model has one name for it. */
export function outputOfModel({ graph, labels }: Pick<Model, 'graph' | 'labels'>): NetworkOutput {
  return outputOf(graph, labels?.set === 'own' ? labels.names.length : undefined);
}

/** A model's numbers: what is read only when it is to be run. */
export type ModelWeights = Pick<Model, 'weights' | 'foreign'>;

/** Everything else, but for what few models have in files of its own. */
export type ModelDescription = Omit<Model, keyof ModelWeights | 'text' | 'novelty' | 'quantization'>;

/** What the network has learnt, as papers count it; of a foreign one all its floating-point numbers but single ones. */
export function parametersOf({ graph, foreign }: Pick<Model, 'graph' | 'foreign'>): number {
  if (!foreign) return countParameters(graph);
  const counts = [...foreign.initializers.values()]
    .filter(({ type }) => type.startsWith('float') || type === 'bfloat16')
    .map(({ shape }) => elementCount(shape));
  return counts.reduce((sum, count) => (count > 1 ? sum + count : sum), 0);
}
