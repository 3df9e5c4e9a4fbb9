// output.ts: what a network puts out: logits or activated numbers, from which layer, of how many classes; and how a row of it
// becomes probabilities or logits. Commands and engines use this; it is decided nowhere else.

import { elementCount } from '../util/shape.ts';
import type { Graph, Layer } from './layers.ts';
import { inferShapes, type Shapes } from './shapes.ts';

export interface NetworkOutput {
  /** The layer whose output is the network's. */
  readonly layer: string;
  /** The input of the final softmax or sigmoid (a hard one too); `layer` itself where there is neither. */
  readonly logits: string;
  readonly activation: 'none' | 'softmax' | 'sigmoid';
  /** One class for each output number, but two where there is only one number: see `isBinary`. */
  readonly classes: number;
  /** The only number is the probability of the second of two classes, or its logit. */
  readonly isBinary: boolean;
}

/** What the numbers of a row are. */
export type OutputMeaning = Pick<NetworkOutput, 'activation' | 'isBinary'>;

/**
 * The output of a graph. A final activation counts through layers that leave its numbers as they are.
 * @param names how many class names the model has; a single number is not a choice between two classes if there is one name
 */
export function outputOf(graph: Graph, names?: number): NetworkOutput {
  const { output: layer } = graph;
  const final = finalActivation(graph);
  const numbers = inferShapes(graph).get(layer)!.at(-1)!;
  const isBinary = numbers === 1 && names !== 1 && (!final || FINAL[final.activation] !== 'softmax');
  const classes = isBinary ? 2 : numbers;
  if (!final) return { layer, logits: layer, activation: 'none', classes, isBinary };
  return { layer, logits: final.inputs[0], activation: FINAL[final.activation], classes, isBinary };
}

/** The same network without its final softmax or sigmoid: it puts out logits. */
export function withoutActivation(graph: Graph): Graph {
  const final = finalActivation(graph);
  if (!final) return graph;
  const [source] = final.inputs;
  const renamed = (name: string) => (name === final.name ? source : name);
  const layers = graph.layers
    .filter((layer) => layer !== final)
    .map((layer) =>
      layer.inputs.some((name) => name === final.name)
        ? ({ ...layer, inputs: layer.inputs.map(renamed) } as unknown as Layer)
        : layer,
    );
  return { ...graph, layers, output: renamed(graph.output) };
}

/** Adds a sigmoid after the logits: a network of several labels gives the probability of each. */
export function withSigmoid(graph: Graph): Graph {
  if (outputOf(graph).activation === 'sigmoid') return graph;
  const logits = withoutActivation(graph);
  const name = freeName('probabilities', logits.layers);
  const sigmoid: Layer = { kind: 'activation', name, inputs: [logits.output], activation: 'sigmoid' };
  return { ...logits, layers: [...logits.layers, sigmoid], output: name };
}

/** How likely each class is, one of them being right: softmax where the network has not computed it. @param row `[numbers]` */
export function classProbabilities({ activation, isBinary }: OutputMeaning, row: Float32Array): Float64Array {
  if (isBinary) {
    const [p] = activation === 'none' ? sigmoid(row) : row;
    return Float64Array.of(1 - p!, p!);
  }
  return activation === 'none' ? softmax(row) : Float64Array.from(row);
}

/** How likely each label is, by itself: sigmoid where the network puts out logits. @param row `[labels]` */
export function labelProbabilities(output: OutputMeaning, row: Float32Array): Float64Array {
  if (output.isBinary) return classProbabilities(output, row);
  return output.activation === 'none' ? sigmoid(row) : Float64Array.from(row);
}

/** Logits of a row: of probabilities their logarithms, whose softmax gives the same probabilities. @param row `[classes]` */
export function logitsOf(output: OutputMeaning, row: Float32Array): Float32Array {
  if (output.isBinary && output.activation === 'none') return Float32Array.of(0, row[0]!);
  if (output.activation === 'none') return row;
  return Float32Array.from(classProbabilities(output, row), (p) => Math.log(Math.max(p, SMALLEST)));
}

/** The smallest number that float32 holds in full: a probability of zero counts as this. */
const SMALLEST = 1.2e-38;

/** Activations whose numbers are probabilities: of classes, or of each label by itself. */
const FINAL = {
  softmax: 'softmax',
  sigmoid: 'sigmoid',
  hardSigmoid: 'sigmoid',
  hardSigmoidTorch: 'sigmoid',
} as const;

type Final = Extract<Layer, { kind: 'activation' }> & { readonly activation: keyof typeof FINAL };

/** The softmax or sigmoid that the network ends in, if it does. */
function finalActivation(graph: Graph): Final | undefined {
  const layers = new Map(graph.layers.map((layer) => [layer.name, layer]));
  let layer = layers.get(graph.output);
  let shapes: Shapes | undefined;
  while (layer) {
    if (isFinal(layer)) return layer;
    const passes =
      layer.kind === 'dropout' ||
      // The mean of the probabilities of places is a row of probabilities.
      layer.kind === 'globalAveragePooling2d' ||
      (layer.kind === 'activation' && layer.activation === 'linear') ||
      (layer.kind === 'rescaling' && layer.scale === 1 && layer.offset === 0) ||
      // A reshape that joins several softmaxes into one row is not the same row of probabilities.
      ((layer.kind === 'reshape' || layer.kind === 'flatten') &&
        isVector(layer.inputs[0], (shapes ??= inferShapes(graph))));
    layer = passes ? layers.get(layer.inputs[0]!) : undefined;
  }
  return undefined;
}

function isFinal(layer: Layer): layer is Final {
  return layer.kind === 'activation' && layer.activation in FINAL;
}

/** `[C]`, or `[1,1,C]`: a single row of channels. */
function isVector(name: string, shapes: Shapes): boolean {
  const shape = shapes.get(name);
  return shape !== undefined && elementCount(shape) === shape.at(-1);
}

/** A name like the one wanted that none of the layers has. */
export function freeName(wanted: string, layers: readonly Pick<Layer, 'name'>[]): string {
  const taken = new Set(layers.map(({ name }) => name));
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
  return name;
}

function sigmoid(logits: Float32Array): Float64Array {
  return Float64Array.from(logits, (x) => 1 / (1 + Math.exp(-x)));
}

/** exp(x) / sum exp(x), shifted by the largest so that nothing overflows. */
function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const result = Float64Array.from(logits, (x) => Math.exp(x - largest));
  const sum = result.reduce((a, b) => a + b, 0);
  return result.map((x) => x / sum);
}
