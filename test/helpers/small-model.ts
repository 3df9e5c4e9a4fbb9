// small-model.ts: a network of a few layers on 24x24 pictures, as a model folder: trains in milliseconds a step.

import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { withInputSize } from '../../src/graph/new-head.ts';
import type { Preprocessing } from '../../src/util/preprocessing.ts';
import { HALF, madeUpWeights } from './made-up-model.ts';

/** Side of its pictures, in pixels. */
const SMALL_SIDE = 24;

/** What its classifier ends in. */
type Ending = 'logits' | 'softmax' | 'sigmoid';

/** Two convolutions with batch norm, dropout and a dense classifier. */
function smallGraph(classes: number, ending: Ending): Graph {
  const b = graphBuilder('small', SMALL_SIDE);
  let x = b.conv2d(b.input, 'conv1', { filters: 12, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'bn1'), 'relu1', 'relu');
  x = b.conv2d(x, 'conv2', { filters: 24, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'bn2'), 'relu2', 'relu');
  x = b.dropout(b.globalAveragePooling2d(x, 'pool'), 'drop', 0.1);
  x = b.dense(x, 'fc', classes);
  return b.build(ending === 'logits' ? x : b.activation(x, ending, ending));
}

const PREPROCESSING: Preprocessing = {
  size: SMALL_SIDE,
  resize: SMALL_SIDE,
  mode: 'crop',
  interpolation: 'bilinear',
  ...HALF,
};

export async function writeSmallModel(folder: string, ending: Ending = 'logits'): Promise<void> {
  await writeSmall(folder, smallGraph(7, ending), PREPROCESSING);
}

/** A classifier of every place, of whose answers the mean counts, as SqueezeNet has it. */
export async function writePlacesModel(folder: string): Promise<void> {
  const b = graphBuilder('places', SMALL_SIDE);
  let x = b.conv2d(b.input, 'conv1', { filters: 12, kernel: 3, stride: 2, pad: 1, bias: true });
  x = b.dropout(b.activation(x, 'relu1', 'relu'), 'drop', 0.1);
  x = b.activation(b.dense(x, 'fc', 7), 'relu2', 'relu');
  await writeSmall(folder, b.build(b.globalAveragePooling2d(x, 'pool')), PREPROCESSING);
}

/** The small network for pictures that are not square. It does not say how they are prepared. */
export async function writeWideModel(folder: string, size: readonly [number, number]): Promise<void> {
  await writeSmall(folder, withInputSize(smallGraph(7, 'logits'), size));
}

async function writeSmall(folder: string, graph: Graph, preprocessing?: Preprocessing): Promise<void> {
  const weights = madeUpWeights(graph);
  const model = { name: 'small', graph, weights, classifier: 'fc', ...(preprocessing && { preprocessing }) };
  await writeModelFolder(folder, model, { dtype: 'float32' });
}
