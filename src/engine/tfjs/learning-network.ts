// learning-network.ts: a network that learns, for one step: what does not learn as at inference, then forward, loss and gradients on
// TensorFlow.js's tape, in as many parts as memory asks for. Moves nothing; the weights are the trainer's.

import { type Layer, type LayerOf, type WeightRole } from '../../graph/layers.ts';
import { inferShapes, type Shapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import type { Batch, EngineModel, Features } from '../engine.ts';
import type { TrainSpec } from '../training.ts';
import { learningLayers, trainedGraph } from '../training/learning.ts';
import { dropoutMask } from '../training/masks.ts';
import { variablesOf, type Variable } from '../training/variables.ts';
import { partsOf, type Part } from './division.ts';
import type { Kernels, Norm, Statistics, Tensor4D } from './kernels.ts';
import { applyLayer, runningStatistics, type Scope } from './layers.ts';
import { lossOf } from './losses.ts';
import { planOf, type PlannedLayer } from './plan.ts';
import { inputOf, loadNetwork } from './predictor.ts';
import type { Tf, TfTensor } from './runtime.ts';

/** What a step computed; all tensors are the caller's to dispose of, by `discard`. */
export interface Computed {
  readonly loss: TfTensor;
  readonly logits: TfTensor;
  /** In the order of `learned`. */
  readonly gradients: readonly TfTensor[];
  /** The statistics of each batch norm that learns, by layer. */
  readonly statistics: ReadonlyMap<string, Statistics>;
}

/** One step. */
export interface StepInput {
  readonly batch: Batch | Features;
  /** Those of `stepTargets`. */
  readonly targets: readonly Float32Array[];
  /** The number of steps before this one. The masks of dropout depend on it. */
  readonly step: number;
  readonly weight: (layer: { readonly name: string }, role: WeightRole) => TfTensor;
}

/** A forward pass over a part of a step's batch. */
interface Pass extends StepInput {
  readonly part: Part;
  /** Receives the statistics of each batch norm, by layer. */
  readonly statistics: Map<string, Statistics>;
}

/** @throws AppError MODEL_INVALID for a weight that is missing, MODEL_UNSUPPORTED for a graph that is no classifier, USAGE for a spec that does not fit */
export class LearningNetwork {
  readonly classes: number;
  /** All that a step may move. */
  readonly variables: readonly Variable[];
  /** Weights that the output depends on. */
  readonly learned: readonly Variable[];
  readonly plan: readonly PlannedLayer[];
  readonly #tf: Tf;
  readonly #kernels: Kernels;
  readonly #model: EngineModel;
  readonly #spec: TrainSpec;
  readonly #output: string;
  /** The layers that do not learn, run as at inference. Their outputs are the inputs of the learning layers. */
  readonly #front: ReturnType<typeof loadNetwork>;
  /** The number of each dropout layer among the learning ones. It gives each layer its own masks. */
  readonly #maskIndex: ReadonlyMap<string, number>;

  constructor(tf: Tf, kernels: Kernels, model: EngineModel, spec: TrainSpec) {
    this.#tf = tf;
    this.#kernels = kernels;
    this.#model = model;
    this.#spec = spec;
    const graph = trainedGraph(model.graph, spec);
    const shapes: Shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
    const output = shapes.get(graph.output)!;
    if (output.length !== 1) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${graph.name} puts out pictures; a classifier puts out a vector`,
      );
    }
    this.classes = output[0]!;
    this.#output = graph.output;
    this.variables = variablesOf(graph, spec, shapes);
    const learning = learningLayers(graph, spec.trainFrom);
    const names = new Set(learning.map((layer) => layer.name));
    const border = new Set(learning.flatMap((layer) => layer.inputs).filter((name) => !names.has(name)));
    this.plan = planOf(graph, [graph.output], border);
    const reached = new Set(this.plan.map(({ layer }) => layer.name));
    this.learned = this.variables.filter(({ kind, layer }) => kind === 'weight' && reached.has(layer));
    const drops = learning.filter((layer) => layer.kind === 'dropout' && layer.rate > 0);
    this.#maskIndex = new Map(drops.map(({ name }, i) => [name, i]));
    this.#front = loadNetwork(tf, kernels, { ...model, graph }, [...border]);
  }

  /**
   * Loss, logits and gradients of a batch, at most so many samples at once. Loss and gradients are sums over the parts: the mean
   * over the batch is in the targets.
   */
  compute(input: StepInput, atOnce: number): Computed {
    let total: Computed | undefined;
    for (const part of partsOf(input.batch, atOnce)) {
      try {
        const own = this.#computePart({ ...input, part, statistics: new Map() });
        total = total ? this.#joined(total, own, part.from / (part.from + part.batch.count)) : own;
      } catch (error) {
        if (total) this.discard(total);
        throw error;
      }
    }
    return total!;
  }

  discard({ loss, logits, gradients, statistics }: Computed): void {
    const kept = [...statistics.values()].flatMap(({ mean, variance }) => [mean, variance]);
    this.#tf.dispose([loss, logits, ...gradients, ...kept]);
  }

  dispose(): void {
    this.#front.dispose();
  }

  /** Takes both. @param weight the first one's share of the samples, by which statistics are averaged */
  #joined(first: Computed, second: Computed, weight: number): Computed {
    const tf = this.#tf;
    const blend = <T extends TfTensor>(a: T, b: T) =>
      tf.tidy(() => tf.add<T>(tf.mul(a, weight), tf.mul(b, 1 - weight)));
    const blended = (name: string, { mean, variance }: Statistics) => {
      const other = second.statistics.get(name)!;
      return { mean: blend(mean, other.mean), variance: blend(variance, other.variance) };
    };
    try {
      return {
        loss: tf.add(first.loss, second.loss),
        logits: tf.concat([first.logits, second.logits]),
        gradients: first.gradients.map((gradient, i) => tf.add(gradient, second.gradients[i]!)),
        statistics: new Map([...first.statistics].map(([name, own]) => [name, blended(name, own)])),
      };
    } finally {
      this.discard(second);
      this.discard(first);
    }
  }

  /** Forward and backward of a part. */
  #computePart(pass: Pass): Computed {
    const { part, targets, statistics, weight } = pass;
    const tf = this.#tf;
    const { classes } = this;
    const { count } = part.batch;
    let logits: TfTensor | undefined;
    const compute = () => {
      const given = this.#front.run(inputOf(tf, this.#model, part.batch));
      const wanted = targets.map((numbers) =>
        tf.tensor2d(numbers.subarray(part.from * classes, (part.from + count) * classes), [count, classes]),
      );
      const lossOfWeights = (): import('@tensorflow/tfjs').Scalar => {
        const output = this.#forward(given, pass);
        logits = tf.keep(output);
        return lossOf(tf, this.#spec.loss.kind, output, wanted) as import('@tensorflow/tfjs').Scalar;
      };
      const weights = this.learned.map(({ layer, role }) => weight({ name: layer }, role));
      const { value, grads } = tf.valueAndGrads(lossOfWeights)(weights);
      return { loss: value as TfTensor, gradients: grads };
    };
    try {
      const { loss, gradients } = tf.tidy(compute);
      return { loss, gradients, logits: logits!, statistics };
    } catch (error) {
      for (const { mean, variance } of statistics.values()) tf.dispose([mean, variance]);
      logits?.dispose();
      dropTape(tf);
      throw error;
    }
  }

  #forward(given: ReadonlyMap<string, TfTensor>, pass: Pass): TfTensor {
    const values = new Map(given);
    const scope: Scope = {
      tf: this.#tf,
      kernels: this.#kernels,
      learns: true,
      weight: (layer: Layer, role) => pass.weight(layer, role),
      normalise: (layer, x, norm) => this.#normalise(layer, x, norm, scope, pass),
      drop: (layer, x) => this.#drop(layer, x, pass),
    };
    for (const planned of this.plan) {
      const { layer, inputs } = planned;
      const taken = inputs.map((name) => values.get(name)!);
      values.set(layer.name, applyLayer(planned, taken, scope));
    }
    return values.get(this.#output)!;
  }

  #normalise(
    layer: LayerOf<'batchNormalization'>,
    x: Tensor4D,
    norm: Norm,
    scope: Scope,
    { statistics }: Pass,
  ): Tensor4D {
    if (this.#spec.batchNorm === 'frozen' || layer.isFixed) {
      return this.#kernels.fixedNorm(x, norm, runningStatistics(layer, scope));
    }
    const { y, batch } = this.#kernels.trainedNorm(x, norm);
    statistics.set(layer.name, batch);
    return y;
  }

  /** Masks are drawn for the whole batch and for NCHW pictures, on every engine. */
  #drop(layer: LayerOf<'dropout'>, x: TfTensor, { part: { from }, batch, step }: Pass): TfTensor {
    const { rate } = layer;
    if (rate === 0) return x.clone();
    const tf = this.#tf;
    const [count, height, width, channels] = x.shape as [number, number, number, number];
    const inner = x.rank === 4 ? [channels, height, width] : x.shape.slice(1);
    const each = layer.perSample ? inner.map(() => 1) : inner;
    const index = this.#maskIndex.get(layer.name)!;
    const { seed = 0 } = this.#spec;
    const whole = dropoutMask({ shape: [batch.count, ...each], rate, seed, step, index });
    const size = whole.length / batch.count;
    const mask = tf.tensor(whole.subarray(from * size, (from + count) * size), [count, ...each]);
    return tf.mul(x, x.rank === 4 ? tf.transpose(mask, [0, 2, 3, 1]) : mask);
  }
}

/**
 * A forward pass that fails leaves what its gradient would have needed on the tape, which TensorFlow.js lets go of only after a
 * backward pass: all the memory that a smaller part is to be tried in.
 */
function dropTape(tf: Tf): void {
  const { state } = tf.engine();
  for (const { saved } of state.activeTape ?? []) tf.dispose([...(saved ?? [])]);
  state.activeTape = [];
}
