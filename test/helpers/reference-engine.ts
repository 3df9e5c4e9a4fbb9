// reference-engine.ts: an engine for tests alone: the official TensorFlow.js on its pure-JavaScript backend runs the same graphs
// through the same interface. It shows that the interface holds, and that what finch writes is what tf.LayersModel means.

import * as tf from '@tensorflow/tfjs';
import { topologyOf } from '../../src/artefact/keras-write.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';
import { registerFinchLayers } from './official-tfjs.ts';

export async function createReferenceEngine(): Promise<Engine> {
  registerFinchLayers();
  await tf.setBackend('cpu');
  return {
    name: 'tfjs',
    device: 'cpu',
    description: `TensorFlow.js ${tf.version.tfjs} on js`,
    async load({ graph, weights, mean, std }, { outputs = [graph.output], size } = {}) {
      const sized = size ? resized(graph, size) : graph;
      const entries = [...weights];
      const whole = await tf.loadLayersModel(
        tf.io.fromMemory({
          modelTopology: topologyOf(sized),
          weightSpecs: entries.map(([name, { shape }]) => ({
            name,
            shape: [...shape],
            dtype: 'float32' as const,
          })),
          weightData: weightData(weights),
        }),
      );
      const model = tf.model({
        inputs: whole.inputs,
        outputs: outputs.map((name) => whole.getLayer(name).output as tf.SymbolicTensor),
      });
      return {
        outputShapes: model.outputs.map((output) => output.shape.slice(1) as number[]),
        async run(batch) {
          const results = tf.tidy(() => {
            if (!('height' in batch)) throw new Error('this engine takes pixels only');
            const { data, count, height, width } = batch;
            const pixels = tf.tensor4d(data, [count, height, width, 3], 'int32').toFloat();
            const normalised = pixels
              .div(255)
              .sub(tf.tensor1d([...mean]))
              .div(tf.tensor1d([...std]));
            // `predict` frees layers inside the network even when they were asked for.
            return [model.apply(normalised) as tf.Tensor | tf.Tensor[]].flat();
          });
          return results.map((result) => {
            const tensor = { data: result.dataSync() as Float32Array, shape: result.shape };
            result.dispose();
            return tensor;
          });
        },
        dispose: async () => {
          whole.dispose();
        },
      };
    },
  };
}

function weightData(weights: Weights): ArrayBuffer {
  const parts = [...weights.values()].map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return new Uint8Array(Buffer.concat(parts)).buffer;
}

function resized(graph: Graph, size: readonly [number, number]): Graph {
  const layers = graph.layers.map((layer) =>
    layer.kind === 'input' ? { ...layer, shape: [...size, 3] } : layer,
  );
  return { ...graph, layers };
}
