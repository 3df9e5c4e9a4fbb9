// variables.ts: what a training step changes: the weights and running statistics of the layers that learn.

import { weightName, type Graph, type Layer, type WeightRole } from '../../graph/layers.ts';
import { weightShapes, type Shapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import type { Shape } from '../../util/shape.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers } from './learning.ts';

export interface Variable {
  readonly name: string;
  readonly layer: string;
  readonly role: WeightRole;
  readonly kind: 'weight' | 'statistic';
  /** The index of the learning rate that applies to this variable. */
  readonly group: number;
  /** The shape in the graph. */
  readonly shape: Shape;
}

/** Whether steps do not learn it: what batch norm measures, and all numbers of a fixed one. */
export function isStatistic(layer: Layer, role: WeightRole): boolean {
  const isFixed = layer.kind === 'batchNormalization' && layer.isFixed === true;
  return isFixed || role === 'moving_mean' || role === 'moving_variance';
}

/**
 * All variables of a step, in the graph's order. The statistics of a frozen batch norm, and all numbers of a fixed one, are included,
 * but do not change.
 * @throws AppError USAGE when a group names no learning layer
 */
export function variablesOf(
  graph: Graph,
  spec: Pick<TrainSpec, 'trainFrom' | 'groups'>,
  shapes: Shapes,
): readonly Variable[] {
  const learning = learningLayers(graph, spec.trainFrom);
  const groups = new Map<string, number>();
  spec.groups?.forEach((layers, i) => {
    for (const name of layers) {
      if (!learning.some((layer) => layer.name === name)) {
        throw new AppError(
          'USAGE',
          `parameter group ${i + 1} names '${name}', which is no layer that learns`,
        );
      }
      groups.set(name, i + 1);
    }
  });
  return learning.flatMap((layer) =>
    weightShapes(layer, shapes.get(layer.inputs[0]!)).map(([role, shape]) => ({
      name: weightName(layer.name, role),
      layer: layer.name,
      role,
      kind: isStatistic(layer, role) ? ('statistic' as const) : ('weight' as const),
      group: groups.get(layer.name) ?? 0,
      shape,
    })),
  );
}
