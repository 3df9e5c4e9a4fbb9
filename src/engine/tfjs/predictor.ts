// predictor.ts: a network at inference: its weights are on the device, batch norm is folded in, and a run leaves no tensors.

import { inferShapes, weightShapes } from '../../graph/shapes.ts';
import { weightName, type Layer, type WeightRole } from '../../graph/layers.ts';
import type { Batch, EngineModel, Features, LoadOptions, Predictor } from '../engine.ts';
import { weightOf } from '../weights.ts';
import { Division, partsOf } from './division.ts';
import { foldBatchNorm } from './fold.ts';
import type { Kernels } from './kernels.ts';
import { applyLayer, runningStatistics, type Scope } from './layers.ts';
import { planOf, type PlannedLayer } from './plan.ts';
import type { TfjsRuntime, Tf, TfTensor } from './runtime.ts';

export function createPredictor(
  { tf, device }: TfjsRuntime,
  kernels: Kernels,
  model: EngineModel,
  { outputs = [model.graph.output], size, onDivided }: LoadOptions = {},
): Predictor {
  const shapes = inferShapes(model.graph, size && [...size, 3]);
  const network = loadNetwork(tf, kernels, model, outputs);
  const division = new Division({ doing: `running ${model.graph.name}`, device, onDivided });
  const outputsOf = (batch: Batch | Features): TfTensor[] => {
    const values = network.run(inputOf(tf, model, batch));
    return outputs.map((name) => values.get(name)!.clone());
  };
  return {
    outputShapes: outputs.map((name) => shapes.get(name)!),
    async run(batch) {
      const compute = (atOnce: number) =>
        tf.tidy(() => {
          const parts = partsOf(batch, atOnce).map((part) => outputsOf(part.batch));
          if (parts.length === 1) return parts[0]!;
          return outputs.map((_, i) => tf.concat(parts.map((part) => part[i]!)));
        });
      const results = division.run(batch.count, compute, (unused) => tf.dispose(unused));
      const tensors = await Promise.all(
        results.map(async (result) => ({
          data: await result.data<'float32'>(),
          shape: result.shape,
        })),
      );
      tf.dispose(results);
      return tensors;
    },
    dispose: async () => network.dispose(),
  };
}

/** The batch as the network takes it: pixels scaled to 0…1 and normalised; call within a tidy. */
export function inputOf(tf: Tf, { mean, std }: EngineModel, batch: Batch | Features): TfTensor {
  if (!('height' in batch)) return tf.tensor2d(batch.data, [batch.count, batch.data.length / batch.count]);
  // (x / 255 - mean) / std = a x + b, a and b for each channel
  const factor = tf.tensor1d(std.map((s) => 1 / (255 * s)));
  const term = tf.tensor1d(mean.map((m, c) => -m / std[c]!));
  const shape: [number, number, number, number] = [batch.count, batch.height, batch.width, 3];
  return tf.add(tf.mul(tf.tensor4d(new Float32Array(batch.data), shape), factor), term);
}

interface LoadedNetwork {
  /** The outputs by their names; call within a tidy. */
  run(input: TfTensor): ReadonlyMap<string, TfTensor>;
  dispose(): void;
}

/** Puts the weights that the outputs need on the device. @throws AppError MODEL_INVALID when one is missing */
export function loadNetwork(
  tf: Tf,
  kernels: Kernels,
  model: EngineModel,
  outputs: readonly string[],
): LoadedNetwork {
  // An unknown output is an error of the graph as it was given.
  planOf(model.graph, outputs);
  const { graph, weights } = foldBatchNorm(model, outputs);
  const plan = planOf(graph, outputs);
  const tensors = new Map<string, TfTensor>();
  const scope: Scope = {
    tf,
    kernels,
    learns: false,
    weight(layer: Layer, role: WeightRole): TfTensor {
      const name = weightName(layer.name, role);
      const known = tensors.get(name);
      if (known) return known;
      const { data, shape } = weightOf(weights, layer, role);
      const tensor = tf.keep(tf.tensor(data, [...shape], 'float32'));
      tensors.set(name, tensor);
      return tensor;
    },
    normalise: (layer, x, norm) => kernels.fixedNorm(x, norm, runningStatistics(layer, scope)),
    drop: (_, x) => x.clone(),
  };
  for (const { layer } of plan) {
    for (const [role] of weightShapes(layer, undefined)) scope.weight(layer, role);
  }
  return {
    run: (input) => runPlan(plan, new Map([[graph.input, input]]), scope),
    dispose: () => tf.dispose([...tensors.values()]),
  };
}

/** Computes a plan; each result is disposed of after its last use. @param given results that exist already */
function runPlan(
  plan: readonly PlannedLayer[],
  given: ReadonlyMap<string, TfTensor>,
  scope: Scope,
): ReadonlyMap<string, TfTensor> {
  const values = new Map(given);
  for (const planned of plan) {
    const { layer, inputs, release } = planned;
    if (!values.has(layer.name)) {
      const taken = inputs.map((name) => values.get(name)!);
      values.set(layer.name, applyLayer(planned, taken, scope));
    }
    for (const name of release) {
      values.get(name)?.dispose();
      values.delete(name);
    }
  }
  return values;
}
