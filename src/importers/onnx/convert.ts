// convert.ts: a foreign network -> a graph of finch's layers with its weights, where finch has a layer for every operator.

import type { OnnxModel, OnnxNode } from '../../formats/onnx-model.ts';
import { refuseInfinite } from '../../graph/finite.ts';
import type { Graph, Layer, Size2d, Weights } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { reordered } from './conversion/arrangement.ts';
import { Call, type Context } from './conversion/call.ts';
import { fold, hasFold } from './conversion/fold.ts';
import { layerName } from './conversion/names.ts';
import { Network } from './conversion/network.ts';
import { describeOnnx, pictureSides, type OnnxInterface, type ReadOptions } from './interface.ts';
import { OPERATORS } from './conversion/operators/operators.ts';
import { nodesBehind } from './nodes-behind.ts';
import { asOneOperator } from './conversion/spelled-out.ts';
import { constantOf, UNKNOWN, Unsupported, type Constant, type Tensor } from './conversion/tensor.ts';

/** A foreign network as a graph of finch's layers. */
export interface ConvertedOnnx {
  readonly kind: 'converted';
  readonly graph: Graph;
  readonly weights: Weights;
  /** The layer whose input is the picture's embedding, if the network ends as classifiers do. */
  readonly classifier?: string;
  /** What it puts out is an embedding. */
  readonly gives?: 'features';
}

export interface OpaqueOnnx {
  readonly kind: 'opaque';
  /** The operators that finch has no layers for, by name. */
  readonly reasons: readonly string[];
}

/** Classifiers that finch has layers for have up to 3,000 nodes. */
const MAX_NODES = 10_000;
/** Numbers in all computed constants together. VGG's largest matrix, transposed, has 2^26.6. */
const MAX_FOLDED = 2 ** 28;
const TOO_MANY = 'more constants than memory holds';
/** A whole number, which may be the batch, counts as many: lists of them lie where there is less memory. */
const WHOLE = 16;
/** Inputs of a node: DenseNet's last layers join some dozen. */
const MAX_INPUTS = 1000;
/** For views by the places of numbers: such a view of a layer of a million numbers takes ten million. */
const MAX_PLACES = 2 ** 27;
/** Further reasons are not listed. */
const MAX_REASONS = 20;

/**
 * @throws AppError MODEL_UNSUPPORTED for what is no classifier of colour pictures; USAGE when a size has to be given; MODEL_MISMATCH
 * when a weight is not a number
 */
export function convertOnnx(model: OnnxModel, options: ReadOptions): ConvertedOnnx | OpaqueOnnx {
  const { name } = options;
  const { found = describeOnnx(model, options) } = options;
  const size = pictureSides(found.input, options);
  try {
    return new Conversion(found, { name, size }).run();
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { kind: 'opaque', reasons: [error.message] };
  }
}

/** Rows, columns and channels of `[H,W,C]` in the order of the dimensions of an input without the batch. */
const ORDER = { NCHW: [2, 0, 1], NHWC: [0, 1, 2] } as const;

class Conversion {
  readonly #model: OnnxModel;
  readonly #found: OnnxInterface;
  readonly #network: Network;
  readonly #context: Context;
  readonly #tensors = new Map<string, Tensor>();
  readonly #reasons = new Set<string>();
  /** Numbers in the constants computed so far. */
  #numbers = 0;

  constructor(found: OnnxInterface, { name, size }: { readonly name: string; readonly size: Size2d }) {
    const { name: input, layout, batch } = found.input;
    this.#model = found.network;
    this.#found = found;
    this.#network = new Network(name, size);
    this.#context = { opset: found.network.opsets.get('') ?? 0, batch };
    const picture = this.#network.asLayer(this.#network.b.input, [0, 1, 2]);
    this.#tensors.set(input, { ...picture, ...reordered(picture, ORDER[layout]) });
  }

  run(): ConvertedOnnx | OpaqueOnnx {
    const { output } = this.#found;
    const { nodes } = nodesBehind(this.#model.nodes, output);
    if (nodes.length > MAX_NODES) throw new Unsupported(`${nodes.length} nodes, more than ${MAX_NODES}`);
    for (const node of nodes) this.#foldAhead(node);
    const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    const known = { makers, constantOf: (name: string) => this.#constant(name), opset: this.#context.opset, left: { numbers: MAX_PLACES } }; // prettier-ignore
    const whole = nodes.map((node) => asOneOperator(node, known));
    for (const node of nodesBehind(whole, output).nodes) this.#read(node);
    const result = this.#tensor(output);
    if (this.#reasons.size > 0) return { kind: 'opaque', reasons: [...this.#reasons].slice(0, MAX_REASONS) };
    return this.#converted(result);
  }

  #converted(result: Tensor | undefined): ConvertedOnnx {
    if (result?.kind === 'unknown') throw new Unsupported('a further output of an operator');
    if (result?.kind !== 'computed') throw new Unsupported('an output that does not depend on the picture');
    const isVector = result.dims.filter((axes) => axes.length > 0).length <= 1;
    const isInOrder = result.dims.flat().every((axis, i) => axis === i);
    if (!isVector || !isInOrder) throw new Unsupported(`an output of ${result.dims.length + 1} axes`);
    const { graph, weights } = this.#network.build(this.#network.asVector(result, 'output'));
    for (const [name, { data }] of weights) refuseInfinite(data, name, graph.name);
    for (const layer of graph.layers) refuseInfinite(numbersOfLayer(layer), layer.name, graph.name);
    if (this.#found.gives === 'features') return { kind: 'converted', graph, weights, gives: 'features' };
    const classifier = classifierOf(graph);
    return { kind: 'converted', graph, weights, ...(classifier !== undefined && { classifier }) };
  }

  /** Computes the nodes that depend on constants alone, so that forms are looked for among the others only. */
  #foldAhead(node: OnnxNode): void {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#constant(name)));
    if (node.inputs.some((name, i) => name !== '' && !inputs[i])) return;
    try {
      this.#set(node, this.#folded(node, inputs));
    } catch (error) {
      // Reported later, by #read, if the output depends on this node.
      if (!(error instanceof Unsupported)) throw error;
    }
  }

  #read(node: OnnxNode): void {
    if (node.outputs.some((name) => this.#tensors.has(name))) return;
    const inputs = node.inputs.map((name) => (name === '' ? undefined : (this.#tensor(name) ?? UNKNOWN)));
    const isUnknown = inputs.some((input) => input?.kind === 'unknown');
    try {
      this.#set(node, isUnknown ? UNKNOWN : this.#outputs(node, inputs));
    } catch (error) {
      if (!(error instanceof Unsupported)) throw ofLayers(error, node);
      this.#reasons.add(error.message);
      this.#set(node, UNKNOWN);
    }
  }

  #outputs(node: OnnxNode, inputs: readonly (Tensor | undefined)[]): Tensor | readonly Tensor[] {
    if (inputs.every((input) => input === undefined || input.kind === 'constant'))
      return this.#folded(node, inputs);
    const operator = node.domain === '' && Object.hasOwn(OPERATORS, node.op) ? OPERATORS[node.op] : undefined;
    if (operator) return operator(this.#call(node, inputs), this.#network);
    throw new Unsupported(quoted(node.domain === '' ? node.op : `${node.op} of ${node.domain}`, 60));
  }

  #folded(node: OnnxNode, inputs: readonly (Tensor | undefined)[]): Constant {
    if (this.#numbers > MAX_FOLDED) throw new Unsupported(TOO_MANY);
    let made: Constant | undefined;
    try {
      made = fold(this.#call(node, inputs));
    } finally {
      // What fails takes time too.
      const paid = made ? [made] : hasFold(node) ? inputs : [];
      for (const each of paid) if (each?.kind === 'constant') this.#numbers += each.values.length * (each.isFloat ? 1 : WHOLE); // prettier-ignore
    }
    if (this.#numbers > MAX_FOLDED) throw new Unsupported(TOO_MANY);
    return made;
  }

  #call(node: OnnxNode, inputs: readonly (Tensor | undefined)[]): Call {
    if (inputs.length > MAX_INPUTS)
      throw new Unsupported(`${quoted(node.op, 60)} of ${inputs.length} inputs`);
    return new Call(node, inputs, layerName(node), this.#context);
  }

  #set(node: OnnxNode, made: Tensor | readonly Tensor[]): void {
    const outputs = Array.isArray(made) ? (made as readonly Tensor[]) : [made as Tensor];
    // What finch has no number for, such as the mask of a Dropout, is not the first output again. An output may have no name.
    node.outputs.forEach((name, i) => {
      if (name !== '') this.#tensors.set(name, outputs[i] ?? UNKNOWN);
    });
  }

  #tensor(name: string): Tensor | undefined {
    const known = this.#tensors.get(name);
    const initializer = known ? undefined : this.#model.initializers.get(name);
    if (!initializer) return known;
    const constant = constantOf(initializer);
    if (!constant) this.#reasons.add(`weights of ${initializer.type}`);
    this.#tensors.set(name, constant ?? UNKNOWN);
    return constant ?? UNKNOWN;
  }

  #constant(name: string): Constant | undefined {
    const tensor = this.#tensor(name);
    return tensor?.kind === 'constant' ? tensor : undefined;
  }
}

/** A slope, a factor, an epsilon: model.json has no word for those that are infinite. */
const numbersOfLayer = (layer: Layer) =>
  Float32Array.from(Object.values(layer).filter((value): value is number => typeof value === 'number'));

/** What a layer says of inputs that it cannot take. Nothing can be added behind such a layer. */
function ofLayers(error: unknown, { op }: OnnxNode): unknown {
  const isOfLayers = error instanceof AppError && (error.code === 'MODEL_INVALID' || error.code === 'MODEL_UNSUPPORTED'); // prettier-ignore
  return isOfLayers ? new Unsupported(`${op}: ${error.message}`) : error;
}

/** Layers between a classifier and the output that leave each class where it is. */
const AFTER_CLASSIFIER: ReadonlySet<Layer['kind']> = new Set<Layer['kind']>([
  'activation',
  'dropout',
  'flatten',
  'globalAveragePooling2d',
  'reshape',
]);

function classifierOf(graph: Graph): string | undefined {
  const layers = new Map(graph.layers.map((layer) => [layer.name, layer]));
  let layer = layers.get(graph.output);
  while (layer && AFTER_CLASSIFIER.has(layer.kind)) layer = layers.get(layer.inputs[0] ?? '');
  return layer?.kind === 'dense' || layer?.kind === 'conv2d' ? layer.name : undefined;
}
