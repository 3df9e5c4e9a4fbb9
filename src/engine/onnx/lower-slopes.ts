// lower-slopes.ts: a graph on vectors -> an ONNX model of how much each of its inputs moves a weighted sum of its outputs, for one
// vector at a time. The gradient rules are those of training; nothing learns, and dropout does nothing.

import { weightOf } from '../weights.ts';
import type { Layer } from '../../graph/layers.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { elementCount } from '../../util/shape.ts';
import type { WrittenGraph } from '../../formats/onnx-writer.ts';
import type { EngineModel } from '../engine.ts';
import { Emitter } from './emitter.ts';
import { emitBackward, emitForward } from './lower-training.ts';
import { Step, type Value } from './step.ts';
import { storedVariables, toStored } from './variables.ts';
import { WeightPacker } from './weights.ts';

export const FEATURES = 'features';
/** `[1,K]`: what each output counts in the sum. */
export const DIRECTION = 'direction';
export const SLOPES = 'slopes';

interface LoweredSlopes {
  readonly graph: WrittenGraph;
  /** The bytes behind the model's external initializers. */
  readonly constants: Uint8Array;
}

export function lowerSlopes({
  graph: whole,
  weights,
}: Pick<EngineModel, 'graph' | 'weights'>): LoweredSlopes {
  const graph = { ...whole, layers: whole.layers.map(withoutDropout) };
  const shapes = inferShapes(graph);
  const [from, to] = [shapes.get(graph.input)!, shapes.get(graph.output)!];
  const emitter = new Emitter();
  for (const name of [FEATURES, DIRECTION]) emitter.declare(name);
  const step = new Step({ emitter, graph, shapes, batch: 1, batchNorm: 'frozen', block: 0 });
  const variables = storedVariables(graph, {}, shapes, 0);
  const packer = new WeightPacker(variables.reduce((sum, { shape }) => sum + 4 * elementCount(shape) + 64, 0), emitter); // prettier-ignore
  for (const variable of variables) {
    const { data } = weightOf(weights, { name: variable.layer }, variable.role);
    packer.add(variable.name, variable.stored.shape).set(toStored(variable, data));
  }
  const layers = graph.layers.filter(({ kind }) => kind !== 'input');
  const values = new Map<string, Value>([[graph.input, { tensor: FEATURES, shape: from }]]);
  const forward = emitForward(layers, values, step);
  const gradients = emitBackward(layers, forward, { tensor: DIRECTION, shape: to }, step, {
    flows: new Set(graph.layers.map(({ name }) => name)),
  });
  emitter.emit('Identity', [gradients.get(graph.input)!.tensor], undefined, { name: SLOPES });
  const { nodes, used } = behind(emitter, SLOPES);
  return {
    graph: {
      name: graph.name,
      nodes,
      initializers: [...packer.initializers, ...emitter.constants].filter(({ name }) => used.has(name)),
      inputs: [
        { name: FEATURES, type: 'float32' as const, shape: [1, ...from] },
        { name: DIRECTION, type: 'float32' as const, shape: [1, ...to] },
      ],
      outputs: [{ name: SLOPES, type: 'float32', shape: [1, ...from] }],
    },
    constants: packer.bytes,
  };
}

const withoutDropout = (layer: Layer): Layer => (layer.kind === 'dropout' ? { ...layer, rate: 0 } : layer);

/** The nodes that one tensor is computed from: the gradients of weights are left out. */
function behind({ nodes }: Emitter, tensor: string) {
  const used = new Set([tensor]);
  const needed = nodes.toReversed().filter(({ inputs, outputs }) => {
    const isNeeded = outputs.some((name) => used.has(name));
    if (isNeeded) for (const name of inputs) used.add(name);
    return isNeeded;
  });
  return { nodes: needed.reverse(), used };
}
