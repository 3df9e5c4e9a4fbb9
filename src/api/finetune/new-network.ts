// new-network.ts: the network to train: the chosen one with a head for the dataset's classes, and how it is trained and saved.

import type { ModelDescription, ModelWeights } from '../../artefact/model.ts';
import { embeddingLayer } from '../../artefact/model.ts';
import { classWeights } from '../../dataset/sampler.ts';
import type { EngineModel } from '../../engine/engine.ts';
import type { Loss, TrainSpec } from '../../engine/training.ts';
import { learningLayers } from '../../engine/training/learning.ts';
import type { TrainSettings } from '../../config/finetune-settings.ts';
import { takesSize } from '../../graph/cost.ts';
import { cutBefore, cutPlaces, type CutGraph } from '../../graph/cut.ts';
import { layerOf, type Graph, type Weights } from '../../graph/layers.ts';
import { pooledLayers, withHeadOn, type Headed } from '../../graph/head-on.ts';
import {
  isMirrored,
  isOfMirror,
  withMirror,
  withMirroredWeights,
  withoutMirror,
} from '../../graph/mirrored.ts';
import { withHeadWeights, withInputSize, withNewHead } from '../../graph/new-head.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { withSigmoid } from '../../graph/output.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { layerRates, type LayerRates } from '../../train/layer-rates.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import type { OpenedNetwork } from '../network.ts';
import type { DividedDataset } from './data.ts';
import { sidesOf } from '../../util/preprocessing.ts';

export interface NewNetwork {
  /** With the new head; its output is logits. */
  readonly graph: Graph;
  /** What stage 2 trains: `graph`, or where that sees each picture and its mirror image the network that is there twice in it. */
  readonly learner: Graph;
  /** The head's layer, and the layer whose output is the head's input: a vector of `numbers` numbers. */
  readonly classifier: string;
  readonly embedding: string;
  readonly numbers: number;
  readonly classes: number;
  readonly multiLabel: boolean;
}

/**
 * @throws AppError MODEL_UNSUPPORTED when the network has no dense classifier; USAGE when it has no layer `trainFrom`, or when the
 * dataset's labels do not fit the settings
 */
export function newNetwork(
  { model, preprocessing: { size }, joined }: OpenedNetwork,
  { dataset }: Pick<DividedDataset, 'dataset'>,
  settings: TrainSettings,
): NewNetwork {
  checkLabels(settings, dataset.multiLabel);
  const classes = dataset.classes.length;
  const alone = headed(model, settings, classes);
  if (joined) checkBoth(settings.layers, joined.prefix);
  const seesBoth = isMirrored(alone.graph);
  const learner = seesBoth ? withoutMirror(alone.graph) : alone.graph;
  const { classifier } = alone;
  const graph = settings.mirror || seesBoth ? mirrored({ graph: learner, classifier }, model, sidesOf(size)) : learner; // prettier-ignore
  learningLayers(learner, settings.trainFrom);
  const unfit = settings.trainSizes?.find((side) => !takesSize(learner, [side, side]));
  if (unfit !== undefined) {
    throw new AppError(
      'USAGE',
      `--train-size ${unfit}: ${graph.name} does not take pictures of that size; leave it out`,
    );
  }
  if (settings.cachedViews > 0) cutForTraining(learner, settings.trainFrom!, sidesOf(size));
  const [embedding] = graph.layers.find(({ name }) => name === classifier)!.inputs as readonly [string];
  const numbers = inferShapes(graph, [...sidesOf(size), 3]).get(embedding)![0]!;
  return { graph, learner, classifier, embedding, numbers, classes, multiLabel: dataset.multiLabel };
}

/** The network before and from the first layer that learns. @throws AppError USAGE where more than one tensor goes across */
export function cutForTraining(graph: Graph, trainFrom: string, size: readonly [number, number]): CutGraph {
  const [first] = learningLayers(graph, trainFrom);
  const cut = cutBefore(graph, first!.name, size);
  if (cut) return cut;
  const places = [...new Set(cutPlaces(graph, size).map(({ first: name }) => name.split('.')[0]!))];
  throw new AppError(
    'USAGE',
    `--cached-views: nothing stands before '${trainFrom}' in ${graph.name} that could be computed once; --train-from takes ${places.join(', ')}`,
  );
}

/** @throws AppError USAGE where the layers that were asked for are of one network alone: the other would be left out */
function checkBoth(layers: TrainSettings['layers'], prefix: string): void {
  const ofSecond = layers?.filter((name) => name.startsWith(prefix)).length;
  if (!layers || (ofSecond! > 0 && ofSecond! < layers.length)) return;
  throw new AppError(
    'USAGE',
    `--join: ${layers.join(', ')} ${ofSecond === 0 ? 'are of the first network alone' : 'are of the second network alone'}; name layers of both by --feature-layers, the second network's as ${prefix}NAME, or leave them out`,
  );
}

/** The network with an empty head in the place of its classifier, or on the layers that were asked for. */
function headed(
  model: OpenedNetwork['model'],
  { layers: [layer, ...others] = [], pool }: TrainSettings,
  classes: number,
): Headed {
  const { graph, name } = model;
  const other = isMirrored(graph) ? [layer ?? '', ...others].find(isOfMirror) : undefined;
  if (other !== undefined) {
    throw new AppError(
      'USAGE',
      `--feature-layers ${other}: ${quoted(name)} has that layer for mirror images, which it sees anyway; name the layer of the pictures themselves`,
    );
  }
  if (layer !== undefined) return withHeadOn(graph, [layer, ...others], classes, pool);
  const taken = embeddingLayer(model);
  if (pool !== undefined) {
    const places = pooledLayers(graph, taken);
    if (places !== undefined) return withHeadOn(graph, places, classes, pool);
    throw new AppError(
      'USAGE',
      `--feature-pool ${pool}: ${quoted(name)} has no mean of places before its classifier; name a layer with places by --feature-layers`,
    );
  }
  const classifier = graph.layers.findLast(
    (layer) =>
      layer.inputs[0] === taken && (layer.name === model.classifier || model.classifier === undefined),
  );
  if (classifier) return { graph: withNewHead(graph, classifier.name, classes), classifier: classifier.name };
  // A foreign network may end in what others begin a head with.
  if (isOpaque(graph)) return withHeadOn(graph, [taken], classes);
  throw new AppError('MODEL_UNSUPPORTED', `${name} has no classifier that could be replaced`);
}

/** @throws AppError MODEL_UNSUPPORTED for a network whose layers cannot be there twice */
function mirrored(
  headed: Headed,
  { name }: OpenedNetwork['model'],
  size: readonly [height: number, width: number],
): Graph {
  // The columns that are reversed are as many as the pictures have.
  const graph = withInputSize(headed.graph, size);
  if (!isOpaque(graph)) return withMirror({ ...headed, graph }, size[1]);
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `--feature-mirror: ${quoted(name)} is a foreign network, which finch runs as it is; leave --feature-mirror out`,
  );
}

/** The network as an engine takes it, its head still empty. */
export function untrainedModel(
  { graph, classifier, numbers, classes }: NewNetwork,
  { weights, foreign }: ModelWeights,
  { preprocessing: { mean, std } }: OpenedNetwork,
): EngineModel {
  const head = { kernel: new Float32Array(numbers * classes), bias: new Float32Array(classes) };
  const all = withMirroredWeights(graph, learntWeights(graph, weights));
  return { graph, weights: withHeadWeights(all, classifier, head), foreign, mean, std };
}

/** The part of a whole network that stage 2 trains. */
export function learnerOf({ learner }: NewNetwork, model: EngineModel): EngineModel {
  return { ...model, graph: learner, weights: learntWeights(learner, model.weights) };
}

/** Those of a whole network's weights that belong to the graph's layers. */
function learntWeights(graph: Graph, weights: Weights): Weights {
  const names = new Set(graph.layers.map(({ name }) => name));
  return new Map([...weights].filter(([name]) => names.has(layerOf(name))));
}

export function trainSpec(
  settings: TrainSettings,
  { dataset, train }: DividedDataset,
  { preprocessing: { size } }: OpenedNetwork,
): TrainSpec {
  const { batchSize, optimizer, batchNorm, clipNorm, accumulate, trainFrom, trainSizes, seed } = settings;
  return {
    // Of several, the last is the largest.
    size: sidesOf(trainSizes?.at(-1) ?? size),
    batchSize: Math.min(batchSize, train.length),
    loss: lossOf(settings, dataset.multiLabel, () =>
      Array.from(
        classWeights(
          train.map(({ labels }) => labels),
          dataset.classes.length,
        ),
      ),
    ),
    optimizer,
    batchNorm,
    accumulate,
    seed,
    ...(clipNorm > 0 && { clipNorm }),
    ...(trainFrom !== undefined && { trainFrom }),
  };
}

/** By `--layer-decay`; undefined where all layers have one rate. */
export function decayedRates(
  { learner }: NewNetwork,
  { layerDecay: decay, trainFrom }: TrainSettings,
  { preprocessing: { size } }: OpenedNetwork,
): LayerRates | undefined {
  return decay === undefined ? undefined : layerRates(learner, { decay, trainFrom, size: sidesOf(size) });
}

/** Refuses, before anything is computed, settings that need one label for each picture when pictures have several. */
function checkLabels({ loss, labelSmoothing }: TrainSettings, multiLabel: boolean): void {
  if (!multiLabel) return;
  const alone = [
    { flag: '--loss cross-entropy', isGiven: loss === 'cross-entropy' },
    { flag: '--label-smoothing', isGiven: labelSmoothing > 0 },
  ].find(({ isGiven }) => isGiven);
  if (!alone) return;
  throw new AppError(
    'USAGE',
    `${alone.flag} takes one label a picture, the dataset has several; leave it out`,
  );
}

function lossOf(
  { loss, labelSmoothing, classWeights }: TrainSettings,
  multiLabel: boolean,
  weights: () => number[],
): Loss {
  const kind = loss ?? (multiLabel ? 'bce-logits' : 'cross-entropy');
  if (kind === 'cross-entropy') {
    return {
      kind,
      ...(labelSmoothing > 0 && { labelSmoothing }),
      ...(classWeights && { classWeights: weights() }),
    };
  }
  return kind === 'bce-logits' && classWeights ? { kind, posWeight: weights() } : { kind };
}

/** The same network with probabilities as its output, for a loss that needs them. */
export function graphFor(loss: Loss['kind'], graph: Graph): Graph {
  return loss === 'bce' ? withSigmoid(graph) : graph;
}

/** What is saved of the network besides its weights. */
export function savedModel(
  name: string,
  { model, preprocessing }: OpenedNetwork,
  { graph, classifier, multiLabel }: NewNetwork,
  { dataset }: Pick<DividedDataset, 'dataset'>,
): ModelDescription {
  const { provenance, architecture } = model;
  return {
    name,
    graph: withInputSize(multiLabel ? withSigmoid(graph) : graph, sidesOf(preprocessing.size)),
    preprocessing,
    labels: { set: 'own', names: dataset.classes },
    classifier,
    ...(architecture !== undefined && hasLayersOf(graph, model.graph) && { architecture }),
    provenance: {
      source: `${model.name}${provenance ? ` (${provenance.source})` : ''}`,
      ...(provenance?.licence !== undefined && { licence: provenance.licence }),
      changes: `fine-tuned with finch: a new classifier of ${dataset.classes.length} classes, then the weights`,
    },
  };
}

/** Whether a graph still is the architecture's: one whose head was pooled in another place is a network of its own. */
const hasLayersOf = (graph: Graph, { layers }: Graph) =>
  graph.layers.length === layers.length && graph.layers.every(({ name }, i) => name === layers[i]!.name);
