// variables.ts: what a training step moves: the weights and running statistics of the layers that learn, and how each lies in
// memory between steps.

import type { Graph, WeightRole } from '../../graph/layers.ts';
import { weightName } from '../../graph/layers.ts';
import { weightShapes, type Shapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import { transpose, type Shape } from '../../util/shape.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers } from './learning.ts';

export interface Variable {
  readonly name: string;
  readonly layer: string;
  readonly role: WeightRole;
  readonly kind: 'weight' | 'statistic';
  /** Which of the rates moves it. */
  readonly group: number;
  /** As the graph has it. */
  readonly shape: Shape;
  readonly stored: Stored;
}

/** How a variable lies in memory, as the step's operators want it. */
export interface Stored {
  readonly shape: Shape;
  /** The graph's numbers seen in this shape, and the order of axes that makes them the stored ones. Absent: they lie alike. */
  readonly seenAs?: Shape;
  readonly axes?: readonly number[];
}

export function toStored({ stored }: Variable, data: Float32Array): Float32Array {
  return stored.axes ? transpose(data, stored.seenAs!, stored.axes) : data.slice();
}

export function fromStored({ stored }: Variable, data: Float32Array): Float32Array {
  if (!stored.axes) return data.slice();
  const { axes } = stored;
  const shape = axes.map((axis) => stored.seenAs![axis]!);
  return transpose(
    data,
    shape,
    axes.map((_, axis) => axes.indexOf(axis)),
  );
}

/**
 * All variables of a step, in the graph's order. With frozen batch norm its statistics are among them: they come in, and stay.
 * @throws AppError USAGE when a group names no learning layer
 */
export function variablesOf(graph: Graph, spec: TrainSpec, shapes: Shapes): readonly Variable[] {
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
      kind:
        role === 'moving_mean' || role === 'moving_variance' ? ('statistic' as const) : ('weight' as const),
      group: groups.get(layer.name) ?? 0,
      shape,
      stored: storedAs(layer, role, shape),
    })),
  );
}

/** Kernels of convolutions are OIHW; the rest lies as in the graph. */
function storedAs(layer: { readonly kind: string }, role: WeightRole, shape: Shape): Stored {
  const isConvolution = role === 'depthwise_kernel' || (role === 'kernel' && layer.kind === 'conv2d');
  if (!isConvolution) return { shape };
  const [height, width, inputs, outputs] = shape as readonly [number, number, number, number];
  // Keras's depthwise kernel is [H,W,C,M] and its output channel c·M+m: read as [H,W,1,C·M] it is an ordinary one.
  const seenAs =
    role === 'depthwise_kernel' ? [height, width, 1, inputs * outputs] : [height, width, inputs, outputs];
  return { shape: [3, 2, 0, 1].map((axis) => seenAs[axis]!), seenAs, axes: [3, 2, 0, 1] };
}
