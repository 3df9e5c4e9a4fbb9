// made-up-weights.ts: a torch state dict for any graph, the same numbers as make_networks.py gives its networks.

import type { Graph } from '../../src/graph/layers.ts';
import { inferShapes, weightShapes } from '../../src/graph/shapes.ts';
import { elementCount, type Shape } from '../../src/util/shape.ts';
import { asModules, type TorchNaming } from '../../src/zoo/record.ts';
import type { TorchTensor } from '../../src/zoo/torch-weights.ts';
import { float32Of, fnv1a, uniform } from './lcg.ts';

/** Torch's names and axis order by our roles, written out here so that a test does not ask the code it tests. */
export function madeUpStateDict(graph: Graph, naming: TorchNaming = asModules): Map<string, TorchTensor> {
  const shapes = inferShapes(graph);
  const state = new Map<string, TorchTensor>();
  const add = (name: string, shape: Shape): void =>
    void state.set(name, { shape, read: () => madeUp(name, shape) });
  for (const layer of graph.layers) {
    const [input] = layer.inputs;
    for (const [role, shape] of weightShapes(layer, input === undefined ? undefined : shapes.get(input))) {
      const [a, b, c, d] = shape as readonly [number, number, number, number];
      switch (role) {
        case 'kernel':
          add(naming(layer.name, 'weight'), layer.kind === 'dense' ? [b, a] : [d, c, a, b]);
          break;
        case 'depthwise_kernel':
          add(naming(layer.name, 'weight'), [c, d, a, b]);
          break;
        case 'gamma':
          add(naming(layer.name, 'weight'), shape);
          break;
        case 'alpha':
          add(naming(layer.name, 'weight'), shape.slice(-1));
          break;
        case 'beta':
        case 'bias':
          add(naming(layer.name, 'bias'), shape);
          break;
        case 'moving_mean':
          add(naming(layer.name, 'running_mean'), shape);
          break;
        case 'moving_variance':
          add(naming(layer.name, 'running_var'), shape);
          break;
        default:
          throw new Error(role satisfies never);
      }
    }
  }
  return state;
}

/** Keeps activations near 1 through 150 layers. */
function madeUp(name: string, shape: Shape): Float32Array {
  const seed = fnv1a(name);
  const inputs = elementCount(shape.slice(1));
  const bound = Math.sqrt(3 / inputs);
  const value = (u: number) => {
    if (inputs > 1) return (2 * u - 1) * bound;
    if (name.endsWith('running_var')) return 0.5 + u;
    if (name.endsWith('running_mean') || name.endsWith('bias')) return 0.2 * u - 0.1;
    return 0.75 + 0.5 * u;
  };
  return float32Of(elementCount(shape), (i) => value(uniform(seed, i)));
}
