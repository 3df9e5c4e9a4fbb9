// memory.ts: about how much memory a training step takes. An estimate from shapes; nothing is measured.

import { allWeightShapes } from '../../graph/cost.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { elementCount } from '../../util/shape.ts';
import type { EngineModel } from '../engine.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers, trainedGraph } from '../training/learning.ts';
import { rememberedOf } from '../training/optimizer-state.ts';

const FLOAT_BYTES = 4;
/** Counts an output, what its gradient keeps, and the gradients of the widest outputs. Observed on ResNet-18 to ResNet-101. */
const COPIES_OF_ACTIVATIONS = 1.3;

/** Bytes at the peak of a step: weights, their gradients and updates, optimizer state, and all activations of what learns. */
export function trainingMemory(model: EngineModel, spec: TrainSpec): number {
  const graph = trainedGraph(model.graph, spec);
  const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
  let weights = 0;
  for (const shape of allWeightShapes(graph, shapes).values()) weights += elementCount(shape);
  let activations = 0;
  for (const { name } of learningLayers(graph, spec.trainFrom)) {
    activations += elementCount(shapes.get(name)!);
  }
  const copies = 3 + rememberedOf(spec).length;
  return FLOAT_BYTES * (weights * copies + COPIES_OF_ACTIVATIONS * activations * spec.batchSize);
}
