// opaque.ts: a foreign network as it is, in a graph of finch's: a layer for each of its tensors, and behind them its classifier as a
// layer of finch's own, which can be replaced. It runs on the onnx engine and does not learn.

import { foreignShapes } from '../../engine/onnx/foreign-shapes.ts';
import type { OnnxModel } from '../../formats/onnx-model.ts';
import {
  weightName,
  type Graph,
  type Layer,
  type LayerOf,
  type Weight,
  type Weights,
} from '../../graph/layers.ts';
import { freeName } from '../../graph/output.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { sameShape, type Shape } from '../../util/shape.ts';
import type { OnnxClassifier } from './classifier.ts';
import { graphView, isChannelsSecond, type GraphView } from './graph-view.ts';
import {
  describeOnnx,
  pictureSides,
  valuesText,
  type OnnxInput,
  type OnnxInterface,
  type ReadOptions,
} from './interface.ts';

export interface OpaqueNetwork {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly foreign: OnnxModel;
  /** The layer that a new head replaces. */
  readonly classifier?: string;
  /** The layer whose output is the picture's embedding, where the network has no classifier that could be taken out. */
  readonly embedding?: string;
  readonly gives?: 'features';
}

/** @throws AppError MODEL_UNSUPPORTED for what is no classifier or is not run by onnxruntime; USAGE when a size has to be given */
export async function opaqueNetwork(model: OnnxModel, options: ReadOptions): Promise<OpaqueNetwork> {
  const { name } = options;
  const { found = describeOnnx(model, options) } = options;
  const { network: foreign, input, logits, embedding, gives } = found;
  const size = pictureSides(input, options);
  const needed = embedding === undefined ? [logits] : [logits, embedding];
  const shapes = await foreignShapes(foreign, { name, input, size, needed });
  const row = shapes.get(logits);
  if (!row) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${name} is no classifier: of its outputs ${valuesText(model.outputs)} the one that would be meant, ${quoted(found.output, 60)}, has no row for each picture`,
    );
  }
  const assembled = assemble(found, { name, size, shapes });
  return { ...assembled, foreign, ...(gives === 'features' && { gives }) };
}

interface Parts {
  readonly name: string;
  readonly size: readonly [number, number];
  readonly shapes: ReadonlyMap<string, Shape>;
}

function assemble(
  { network, input, logits, activation, classifier, embedding }: OnnxInterface,
  { name, size, shapes }: Parts,
): Omit<OpaqueNetwork, 'foreign'> {
  const view = graphView(network);
  const tensors = [...shapes.keys()];
  const first = freeName(
    'input',
    tensors.map((name) => ({ name })),
  );
  const layers: Layer[] = [
    { kind: 'input', name: first, inputs: [], shape: [...size, 3] },
    ...tensors.map((tensor) =>
      foreignLayer(view, tensor, { from: input, first, size, shape: shapes.get(tensor)! }),
    ),
  ];
  const push = (wanted: string, make: (name: string) => Layer): string => {
    const layer = make(freeName(wanted, layers));
    layers.push(layer);
    return layer.name;
  };
  const weights = new Map<string, Weight>();
  let output = logits;
  const row = shapes.get(logits)!;
  const own = classifier && fits(classifier, shapes, logits) ? classifier : undefined;
  const dense = own && push('classifier', (name) => ({ kind: 'dense', name, inputs: [own.input], units: own.kernel.shape[1]!, useBias: true })); // prettier-ignore
  if (own && dense !== undefined) {
    const [, classes] = own.kernel.shape as readonly [number, number];
    weights.set(weightName(dense, 'kernel'), own.kernel);
    weights.set(weightName(dense, 'bias'), { shape: [classes], data: own.bias ?? new Float32Array(classes) });
    output = dense;
  } else if (row.length > 1 && row.slice(1).every((size) => size === 1)) {
    output = push('row', (name) => ({ kind: 'flatten', name, inputs: [logits] }));
  }
  if (activation !== 'none') {
    const from = output;
    output = push('probabilities', (name) => ({ kind: 'activation', name, inputs: [from], activation }));
  }
  const graph = { name, layers, input: first, output };
  if (dense !== undefined) return { graph, weights, classifier: dense };
  const vector = [embedding, logits].find((tensor) => shapes.get(tensor ?? '')?.length === 1);
  return { graph, weights, ...(vector !== undefined && vector !== output && { embedding: vector }) };
}

interface Place {
  readonly from: OnnxInput;
  readonly first: string;
  readonly size: readonly [number, number];
  readonly shape: Shape;
}

function foreignLayer(view: GraphView, name: string, { from, first, size, shape }: Place): LayerOf<'onnx'> {
  const { name: called, layout, type, batch } = from;
  const isMoved = shape.length === 3 && isChannelsSecond(view, name);
  return {
    kind: 'onnx',
    name,
    inputs: [first],
    shape: isMoved ? [shape[1]!, shape[2]!, shape[0]!] : shape,
    ...(isMoved && { isChannelsSecond: true }),
    from: { name: called, layout, type, ...(batch !== undefined && { batch }) },
    size,
  };
}

/** Whether it takes a vector, and gives the logits without anything between that would make other numbers of them. */
function fits(
  { input, kernel }: OnnxClassifier,
  shapes: ReadonlyMap<string, Shape>,
  logits: string,
): boolean {
  const [features, classes] = kernel.shape as readonly [number, number];
  return sameShape(shapes.get(input) ?? [], [features]) && sameShape(shapes.get(logits) ?? [], [classes]);
}
