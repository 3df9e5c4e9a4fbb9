// trainer.ts: training steps on TensorFlow.js: forward, loss and gradients on its tape, then the optimizer's update. Weights and
// moments stay on the device between steps. Targets, dropout's masks and the names of a state are every engine's (engine/training/), so
// that a run begun on another can go on here.

import { weightName, type LayerOf, type Weight, type Weights } from '../../graph/layers.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { AppError } from '../../util/errors.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import type { Batch, EngineModel, Features } from '../engine.ts';
import type { StepResult, Targets, Trainer, TrainerState, TrainSpec } from '../training.ts';
import { checkRates, checkState, diverged } from '../training/errors.ts';
import { learningLayers, trainedGraph } from '../training/learning.ts';
import { dropoutMask } from '../training/masks.ts';
import { decaysWeight, PENDING, rememberedOf, slotName, slotsOf } from '../training/optimizer-state.ts';
import { targetsFor } from '../training/targets.ts';
import { variablesOf, type Variable } from '../training/variables.ts';
import { weightOf } from '../weights.ts';
import { explainRunning } from './errors.ts';
import type { Kernels, Norm, Statistics, Tensor4D } from './kernels.ts';
import { applyLayer, runningStatistics, type Scope } from './layers.ts';
import { lossOf } from './losses.ts';
import { clipping, updated } from './optimizers.ts';
import { planOf, type PlannedLayer } from './plan.ts';
import { inputOf, loadNetwork } from './predictor.ts';
import type { Tf, TfjsRuntime, TfTensor } from './runtime.ts';

/** Something that a step moves, and the variable that it is or belongs to. */
interface Moving {
  readonly variable: Variable;
  tensor: TfTensor;
}

/** What a step computed; all tensors are the caller's to dispose of. */
interface Computed {
  readonly loss: TfTensor;
  readonly logits: TfTensor;
  readonly gradients: readonly TfTensor[];
}

/** @throws AppError MODEL_INVALID for a weight that is missing, MODEL_UNSUPPORTED for a graph that is no classifier, USAGE for a spec that does not fit */
export function createTrainer(
  runtime: TfjsRuntime,
  kernels: Kernels,
  model: EngineModel,
  spec: TrainSpec,
): Trainer {
  return new TfjsTrainer(runtime, kernels, model, spec);
}

class TfjsTrainer implements Trainer {
  readonly description: string;
  readonly #runtime: TfjsRuntime;
  readonly #tf: Tf;
  readonly #kernels: Kernels;
  readonly #model: EngineModel;
  readonly #spec: TrainSpec;
  readonly #classes: number;
  readonly #output: string;
  readonly #plan: readonly PlannedLayer[];
  /** What does not learn, as at inference: what the learning layers begin with. */
  readonly #front: ReturnType<typeof loadNetwork>;
  readonly #moving = new Map<string, Moving>();
  /** Weights that this graph's output depends on. */
  readonly #learned: readonly Variable[];
  /** Dropout layers by their number among the learning ones: masks are told apart by it. */
  readonly #maskIndex: ReadonlyMap<string, number>;
  #step = 0;

  constructor(runtime: TfjsRuntime, kernels: Kernels, model: EngineModel, spec: TrainSpec) {
    this.#runtime = runtime;
    this.#tf = runtime.tf;
    this.#kernels = kernels;
    this.#model = model;
    this.#spec = spec;
    this.description = runtime.description;
    const graph = trainedGraph(model.graph, spec);
    const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
    const output = shapes.get(graph.output)!;
    if (output.length !== 1) {
      throw new AppError(
        'MODEL_UNSUPPORTED',
        `${graph.name} puts out pictures; a classifier puts out a vector`,
      );
    }
    this.#classes = output[0]!;
    this.#output = graph.output;
    const learning = learningLayers(graph, spec.trainFrom);
    const variables = variablesOf(graph, spec, shapes);
    const names = new Set(learning.map((layer) => layer.name));
    const border = new Set(learning.flatMap((layer) => layer.inputs).filter((name) => !names.has(name)));
    this.#plan = planOf(graph, [graph.output], border);
    const reached = new Set(this.#plan.map(({ layer }) => layer.name));
    this.#learned = variables.filter(({ kind, layer }) => kind === 'weight' && reached.has(layer));
    const drops = learning.filter((layer) => layer.kind === 'dropout' && layer.rate > 0);
    this.#maskIndex = new Map(drops.map(({ name }, i) => [name, i]));
    this.#front = loadNetwork(this.#tf, kernels, { ...model, graph }, [...border]);
    for (const variable of variables) this.#addVariable(variable);
  }

  #addVariable(variable: Variable): void {
    const { data } = weightOf(this.#model.weights, { name: variable.layer }, variable.role);
    this.#add(variable.name, variable, data);
    if (variable.kind === 'statistic') return;
    for (const slot of rememberedOf(this.#spec)) {
      this.#add(slotName(variable.name, slot), variable, new Float32Array(elementCount(variable.shape)));
    }
  }

  #add(name: string, variable: Variable, data: Float32Array): void {
    this.#moving.set(name, { variable, tensor: this.#tensor(data, variable.shape) });
  }

  /** On the device at once: TensorFlow.js would else keep a reference to the caller's numbers until their first use. */
  #tensor(data: Float32Array, shape: Shape): TfTensor {
    return this.#tf.keep(this.#tf.tensor(data.slice(), [...shape], 'float32'));
  }

  async step(batch: Batch | Features, targets: Targets, rates: readonly number[]): Promise<StepResult> {
    const { loss: lossSpec, accumulate = 1 } = this.#spec;
    checkRates(rates, this.#spec);
    const prepared = targetsFor(lossSpec, targets, { count: batch.count, classes: this.#classes });
    const scaled = prepared.map((numbers) =>
      accumulate === 1 ? numbers : numbers.map((x) => x / accumulate),
    );
    const statistics = new Map<string, Statistics>();
    const held: TfTensor[] = [];
    try {
      const { loss, logits, gradients } = this.#compute(batch, scaled, statistics);
      held.push(loss, logits, ...gradients);
      const value = loss.dataSync()[0]! * accumulate;
      if (!Number.isFinite(value)) throw diverged(value, this.#step, rates);
      const result = {
        loss: value,
        logits: { data: logits.dataSync<'float32'>(), shape: logits.shape },
      };
      const gradNorm = this.#move(gradients, rates);
      this.#moveStatistics(statistics);
      this.#step++;
      return { ...result, ...(gradNorm !== undefined && { gradNorm }) };
    } catch (error) {
      const { device } = this.#runtime;
      throw explainRunning(error, `training ${this.#model.graph.name}`, { device, samples: batch.count });
    } finally {
      for (const { mean, variance } of statistics.values()) held.push(mean, variance);
      this.#tf.dispose(held);
    }
  }

  /** Forward and backward. @param statistics takes each batch norm's, by layer */
  #compute(
    batch: Batch | Features,
    targets: readonly Float32Array[],
    statistics: Map<string, Statistics>,
  ): Computed {
    const tf = this.#tf;
    const weights = this.#learned.map(({ name }) => this.#moving.get(name)!.tensor);
    return tf.tidy(() => {
      const given = this.#front.run(inputOf(tf, this.#model, batch));
      const wanted = targets.map((numbers) => tf.tensor2d(numbers, [batch.count, this.#classes]));
      let logits: TfTensor | undefined;
      const lossOfWeights = (): import('@tensorflow/tfjs').Scalar => {
        const output = this.#forward(given, statistics);
        logits = tf.keep(output);
        return lossOf(tf, this.#spec.loss.kind, output, wanted) as import('@tensorflow/tfjs').Scalar;
      };
      try {
        const { value, grads } = tf.valueAndGrads(lossOfWeights)(weights);
        return { loss: value, logits: logits!, gradients: grads };
      } catch (error) {
        logits?.dispose();
        throw error;
      }
    });
  }

  #forward(given: ReadonlyMap<string, TfTensor>, statistics: Map<string, Statistics>): TfTensor {
    const values = new Map(given);
    const scope: Scope = {
      tf: this.#tf,
      kernels: this.#kernels,
      learns: true,
      weight: (layer, role) => this.#moving.get(weightName(layer.name, role))!.tensor,
      normalise: (layer, x, norm) => this.#normalise(layer, x, norm, scope, statistics),
      drop: (layer, x) => this.#drop(layer, x),
    };
    for (const planned of this.#plan) {
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
    statistics: Map<string, Statistics>,
  ): Tensor4D {
    if (this.#spec.batchNorm === 'frozen') {
      return this.#kernels.fixedNorm(x, norm, runningStatistics(layer, scope));
    }
    const { y, batch } = this.#kernels.trainedNorm(x, norm);
    statistics.set(layer.name, batch);
    return y;
  }

  /** Masks are drawn for NCHW pictures, on every engine. */
  #drop(layer: LayerOf<'dropout'>, x: TfTensor): TfTensor {
    const { rate } = layer;
    if (rate === 0) return x.clone();
    const tf = this.#tf;
    const [count, height, width, channels] = x.shape as [number, number, number, number];
    const inner = x.rank === 4 ? [count, channels, height, width] : x.shape;
    const shape = layer.perSample ? inner.map((size, axis) => (axis === 0 ? size : 1)) : inner;
    const index = this.#maskIndex.get(layer.name)!;
    const { seed = 0 } = this.#spec;
    const mask = tf.tensor(dropoutMask({ shape, rate, seed, step: this.#step, index }), shape);
    return tf.mul(x, x.rank === 4 ? tf.transpose(mask, [0, 2, 3, 1]) : mask);
  }

  /** Moves the weights, or adds to the pending gradients. @returns the gradients' norm where they are clipped */
  #move(gradients: readonly TfTensor[], rates: readonly number[]): number | undefined {
    const { accumulate = 1, clipNorm, optimizer } = this.#spec;
    const tf = this.#tf;
    let totals = gradients;
    const added: TfTensor[] = [];
    if (accumulate > 1) {
      const pending = this.#learned.map(({ name }) => slotName(name, PENDING));
      totals = gradients.map((gradient, i) => tf.add(this.#moving.get(pending[i]!)!.tensor, gradient));
      if ((this.#step + 1) % accumulate !== 0) {
        totals.forEach((total, i) => this.#replace(pending[i]!, total));
        return undefined;
      }
      added.push(...totals);
      totals.forEach((total, i) => this.#replace(pending[i]!, tf.zerosLike(total)));
    }
    const clipped = clipNorm === undefined ? undefined : tf.tidy(() => clipping(tf, totals, clipNorm));
    const factor = clipped?.factor ?? 1;
    const update = Math.floor(this.#step / accumulate) + 1;
    this.#learned.forEach(({ name, role, group }, i) => {
      const slots = slotsOf(optimizer).map((slot) => slotName(name, slot));
      const moved = tf.tidy(
        () =>
          updated(tf, optimizer, {
            weight: this.#moving.get(name)!.tensor,
            gradient: factor === 1 ? totals[i]! : tf.mul(totals[i]!, factor),
            slots: slots.map((slot) => this.#moving.get(slot)!.tensor),
            rate: rates[group]!,
            update,
            decays: decaysWeight(optimizer, role),
          }) as unknown as { weight: TfTensor; slots: TfTensor[] },
      );
      this.#replace(name, moved.weight);
      slots.forEach((slot, at) => this.#replace(slot, moved.slots[at]!));
    });
    tf.dispose(added);
    return clipped?.norm;
  }

  /** new = momentum old + (1 - momentum) batch; the variance is the unbiased one already. */
  #moveStatistics(statistics: ReadonlyMap<string, Statistics>): void {
    const tf = this.#tf;
    for (const { layer } of this.#plan) {
      const batch = statistics.get(layer.name);
      if (!batch || layer.kind !== 'batchNormalization') continue;
      const blend = (role: 'moving_mean' | 'moving_variance', fresh: TfTensor) => {
        const name = weightName(layer.name, role);
        const old = this.#moving.get(name)!.tensor;
        const { momentum } = layer;
        this.#replace(
          name,
          tf.tidy(() => tf.add(tf.mul(old, momentum), tf.mul(fresh, 1 - momentum))),
        );
      };
      blend('moving_mean', batch.mean);
      blend('moving_variance', batch.variance);
    }
  }

  #replace(name: string, tensor: TfTensor): void {
    const moving = this.#moving.get(name)!;
    moving.tensor.dispose();
    moving.tensor = this.#tf.keep(tensor);
  }

  async weights(): Promise<Weights> {
    const weights = new Map(this.#model.weights);
    for (const [name, moving] of this.#moving) {
      if (name === moving.variable.name) weights.set(name, read(moving));
    }
    return weights;
  }

  async state(): Promise<TrainerState> {
    const tensors = new Map([...this.#moving].map(([name, moving]) => [name, read(moving)]));
    return { step: this.#step, tensors };
  }

  async restore({ step, tensors }: TrainerState): Promise<void> {
    checkState(
      tensors,
      [...this.#moving].map(([name, { variable }]) => [name, variable.shape]),
    );
    for (const [name, { variable }] of this.#moving) {
      this.#replace(name, this.#tensor(tensors.get(name)!.data, variable.shape));
    }
    this.#step = step;
  }

  async dispose(): Promise<void> {
    this.#front.dispose();
    for (const { tensor } of this.#moving.values()) tensor.dispose();
    this.#moving.clear();
  }
}

function read({ variable, tensor }: Moving): Weight {
  return { shape: variable.shape, data: tensor.dataSync<'float32'>().slice() };
}
