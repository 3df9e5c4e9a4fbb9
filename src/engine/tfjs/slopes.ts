// slopes.ts: the gradient of a weighted sum of a network's outputs by its input, from TensorFlow.js's tape.

import { weightName, type Layer } from '../../graph/layers.ts';
import type { EngineModel } from '../engine.ts';
import type { Slopes } from '../training.ts';
import { weightOf } from '../weights.ts';
import type { Kernels } from './kernels.ts';
import { applyLayer, runningStatistics, type Scope } from './layers.ts';
import { planOf } from './plan.ts';
import type { TfjsRuntime, TfTensor } from './runtime.ts';

export function createSlopes(
  { tf }: TfjsRuntime,
  kernels: Kernels,
  { graph, weights }: Pick<EngineModel, 'graph' | 'weights'>,
): Slopes {
  const plan = planOf(graph, [graph.output]);
  const tensors = new Map<string, TfTensor>();
  const scope: Scope = {
    tf,
    kernels,
    learns: true,
    weight(layer: Layer, role) {
      const name = weightName(layer.name, role);
      const { data, shape } = weightOf(weights, layer, role);
      const tensor = tensors.get(name) ?? tf.keep(tf.tensor(data, [...shape], 'float32'));
      tensors.set(name, tensor);
      return tensor;
    },
    normalise: (layer, x, norm) => kernels.fixedNorm(x, norm, runningStatistics(layer, scope)),
    drop: (_, x) => x.clone(),
  };
  const forward = (input: TfTensor): TfTensor => {
    const values = new Map([[graph.input, input]]);
    for (const planned of plan) {
      if (values.has(planned.layer.name)) continue;
      const taken = planned.inputs.map((name) => values.get(name)!);
      values.set(planned.layer.name, applyLayer(planned, taken, scope));
    }
    return values.get(graph.output)!;
  };
  return {
    async of(features, direction) {
      const slopes = tf.tidy(() => {
        const weighted = (x: TfTensor) => tf.sum(tf.mul(forward(x), tf.tensor2d(direction, [1, direction.length])));
        return tf.grad(weighted)(tf.tensor2d(features, [1, features.length]));
      }); // prettier-ignore
      const data = await slopes.data<'float32'>();
      slopes.dispose();
      return data;
    },
    dispose: async () => tf.dispose([...tensors.values()]),
  };
}
