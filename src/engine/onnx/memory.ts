// memory.ts: estimates the memory of a training step before it runs. The estimate is good to about a third.

import { kindOf } from '../../graph/kinds/kinds.ts';
import { inferShapes, weightShapes } from '../../graph/shapes.ts';
import { availableMemory } from '../../util/available-memory.ts';
import { AppError } from '../../util/errors.ts';
import { formatGibibytes } from '../../util/progress.ts';
import { elementCount } from '../../util/shape.ts';
import type { EngineModel } from '../engine.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers, trainedGraph } from '../training/learning.ts';
import { slotsOf } from '../training/optimizer-state.ts';

/** Measured bytes for each byte that a step keeps: current gradients, temporaries, and the runtime's rounding up. */
const OVERHEAD = 1.5;

/** Memory of the runtime with its code, and of the process around it. */
const BASE_BYTES = 150 * 2 ** 20;

/** About how many bytes a step needs at its peak. */
export function trainingMemory(model: EngineModel, spec: TrainSpec): number {
  const graph = trainedGraph(model.graph, spec);
  const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
  const learning = learningLayers(graph, spec.trainFrom);
  // Most weights exist twice: one copy is read while the other is written. Moments, gradients and those that wait are added.
  const copies = 2 + slotsOf(spec.optimizer).length + ((spec.accumulate ?? 1) > 1 ? 2 : 1);
  let kept = 0;
  let weights = 0;
  for (const layer of learning) {
    if (kindOf(layer).isKept) kept += elementCount(shapes.get(layer.name)!);
    for (const [, shape] of weightShapes(layer, shapes.get(layer.inputs[0]!))) weights += elementCount(shape);
  }
  // Outputs of layers that do not learn are not kept, but the largest of them exist at the same time.
  const passing = graph.layers.reduce((most, { name }) => Math.max(most, elementCount(shapes.get(name)!)), 0);
  return BASE_BYTES + 4 * (copies * weights + spec.batchSize * (OVERHEAD * kept + 4 * passing));
}

/** @throws AppError OUT_OF_MEMORY, naming the estimate, when a step would not fit into the free memory */
export function checkMemory(model: EngineModel, spec: TrainSpec, free = availableMemory()): void {
  const needed = trainingMemory(model, spec);
  if (needed <= free) return;
  const alone = trainingMemory(model, { ...spec, batchSize: 0 });
  const each = (needed - alone) / spec.batchSize;
  const fits = Math.floor((free - alone) / each);
  throw new AppError(
    'OUT_OF_MEMORY',
    `a training step of ${model.graph.name} with --batch-size ${spec.batchSize} takes about ${formatGibibytes(needed)} of memory, ` +
      `and ${formatGibibytes(free)} are free. ` +
      (fits >= 1
        ? `Use --batch-size ${fits}, smaller pictures, or --train-from LAYER`
        : 'Use smaller pictures, --train-from LAYER, or another model'),
  );
}
