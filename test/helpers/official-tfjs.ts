// official-tfjs.ts: the official TensorFlow.js opens a model folder as a page would, with finch's two layers registered as
// docs/models.md describes them.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Preprocessing } from '../../src/util/preprocessing.ts';

/** model.json and its shards, through TensorFlow.js's own parser. */
export async function openOfficially(folder: string): Promise<tf.LayersModel> {
  registerFinchLayers();
  const json = JSON.parse(await readFile(path.join(folder, 'model.json'), 'utf8')) as tf.io.ModelJSON;
  const shards = json.weightsManifest.flatMap((group) => group.paths);
  const bytes = await Promise.all(shards.map((name) => readFile(path.join(folder, name))));
  return tf.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(Buffer.concat(bytes)).buffer,
    }),
  });
}

/** What the model says of one square picture. */
export function officialLogits(
  model: tf.LayersModel,
  pixels: Uint8Array,
  size: number,
  { mean, std }: Pick<Preprocessing, 'mean' | 'std'>,
) {
  return tf.tidy(() => {
    const picture = tf.tensor4d(pixels, [1, size, size, 3], 'int32').toFloat().div(255);
    const input = picture.sub(tf.tensor1d([...mean])).div(tf.tensor1d([...std]));
    return (model.predict(input) as tf.Tensor).dataSync();
  });
}

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

/** What a page calls once, before it opens a model that has them. */
export function registerFinchLayers(): void {
  tf.serialization.registerClass(FinchHardActivation);
  tf.serialization.registerClass(FinchGroupedConv2D);
}
