// reference-engine.ts: an engine for tests alone: the official TensorFlow.js on its pure-JavaScript backend runs the same graphs
// through the same interface. It shows that the interface holds, and that what finch writes is what tf.LayersModel means.

import * as tf from '@tensorflow/tfjs';
import { topologyOf } from '../../src/artefact/keras-write.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';

/** clip(x / 6 + 0.5, 0, 1), or that times x: what a page that opens a finch model registers, as docs/models.md has it. */
class FinchHardActivation extends tf.layers.Layer {
  static className = 'FinchHardActivation';
  readonly #activation: string;

  constructor(config: { activation: string }) {
    super(config as never);
    this.#activation = config.activation;
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x] = [inputs].flat() as [tf.Tensor];
      const gate = x.div(6).add(0.5).clipByValue(0, 1);
      return this.#activation === 'hardSwish' ? x.mul(gate) : gate;
    });
  }
}

/** A convolution whose groups of channels do not see each other. */
class FinchGroupedConv2D extends tf.layers.Layer {
  static className = 'FinchGroupedConv2D';
  readonly #config: GroupedConfig;
  #kernel?: tf.LayerVariable;
  #bias?: tf.LayerVariable;

  constructor(config: GroupedConfig) {
    super(config as never);
    this.#config = config;
  }

  override build(shape: tf.Shape): void {
    const { kernelSize: size, filters, groups, useBias } = this.#config;
    const zeros = tf.initializers.zeros();
    this.#kernel = this.addWeight('kernel', [...size, shape.at(-1)! / groups, filters], 'float32', zeros);
    if (useBias) this.#bias = this.addWeight('bias', [filters], 'float32', zeros);
    this.built = true;
  }

  override computeOutputShape([count, ...size]: tf.Shape): tf.Shape {
    const { kernelSize: kernel, strides, dilationRate: dilation, padding, filters } = this.#config;
    const out = [0, 1].map((axis) => {
      const span = padding === 'same' ? 0 : (kernel[axis]! - 1) * dilation[axis]!;
      return Math.ceil((size[axis]! - span) / strides[axis]!);
    });
    return [count!, ...out, filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x] = [inputs].flat() as [tf.Tensor4D];
      const { groups, strides, padding, dilationRate: dilation } = this.#config;
      const kernels = tf.split(this.#kernel!.read(), groups, 3) as tf.Tensor4D[];
      const parts = (tf.split(x, groups, 3) as tf.Tensor4D[]).map((part, i) =>
        tf.conv2d(part, kernels[i]!, strides, padding, 'NHWC', dilation),
      );
      const joined = tf.concat(parts, 3);
      return this.#bias ? joined.add(this.#bias.read()) : joined;
    });
  }
}

/** TensorFlow.js turns the keys and words of a file into camel case before it makes a layer. */
interface GroupedConfig {
  readonly filters: number;
  readonly groups: number;
  readonly kernelSize: [number, number];
  readonly strides: [number, number];
  readonly dilationRate: [number, number];
  readonly padding: 'same' | 'valid';
  readonly useBias: boolean;
}

tf.serialization.registerClass(FinchHardActivation);
tf.serialization.registerClass(FinchGroupedConv2D);

export async function createReferenceEngine(): Promise<Engine> {
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
