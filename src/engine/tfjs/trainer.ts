// trainer.ts: training steps on TensorFlow.js: what learning-network.ts computes, then the optimizer's update. Weights and moments
// stay on the device between steps. All engines use the same names in a state (engine/training/), so a run can change engines.

import { weightName, type Weight, type WeightRole, type Weights } from '../../graph/layers.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import type { Batch, EngineModel, Features, OnDivided } from '../engine.ts';
import type { StepResult, Targets, Trainer, TrainerState, TrainSpec } from '../training.ts';
import { checkRates, checkState, diverged } from '../training/errors.ts';
import { decaysWeight, PENDING, rememberedOf, slotName, slotsOf } from '../training/optimizer-state.ts';
import { stepTargets } from '../training/targets.ts';
import type { Variable } from '../training/variables.ts';
import { weightOf } from '../weights.ts';
import { Division } from './division.ts';
import type { Kernels, Statistics } from './kernels.ts';
import { LearningNetwork } from './learning-network.ts';
import { clipping, updated } from './optimizers.ts';
import type { Tf, TfjsRuntime, TfTensor } from './runtime.ts';

/** A tensor that a step changes, and its variable. */
interface Moving {
  readonly variable: Variable;
  tensor: TfTensor;
}

interface TrainerTools {
  readonly runtime: TfjsRuntime;
  readonly kernels: Kernels;
  readonly onDivided?: OnDivided | undefined;
}

/** @throws AppError MODEL_INVALID for a weight that is missing, MODEL_UNSUPPORTED for a graph that is no classifier, USAGE for a spec that does not fit */
export function createTrainer(tools: TrainerTools, model: EngineModel, spec: TrainSpec): Trainer {
  return new TfjsTrainer(tools, model, spec);
}

class TfjsTrainer implements Trainer {
  readonly description: string;
  readonly #tf: Tf;
  readonly #model: EngineModel;
  readonly #spec: TrainSpec;
  readonly #network: LearningNetwork;
  readonly #division: Division;
  readonly #moving = new Map<string, Moving>();
  #step = 0;

  constructor({ runtime, kernels, onDivided }: TrainerTools, model: EngineModel, spec: TrainSpec) {
    const { tf, device, description } = runtime;
    this.description = description;
    this.#tf = tf;
    this.#model = model;
    this.#spec = spec;
    this.#division = new Division({ doing: `training ${model.graph.name}`, device, onDivided });
    this.#network = new LearningNetwork(tf, kernels, model, spec);
    for (const variable of this.#network.variables) this.#addVariable(variable);
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

  /** Copied to the device at once: otherwise TensorFlow.js keeps a reference to the caller's numbers until their first use. */
  #tensor(data: Float32Array, shape: Shape): TfTensor {
    return this.#tf.keep(this.#tf.tensor(data.slice(), [...shape], 'float32'));
  }

  async step(batch: Batch | Features, targets: Targets, rates: readonly number[]): Promise<StepResult> {
    const { loss: lossSpec, accumulate = 1 } = this.#spec;
    checkRates(rates, this.#spec);
    const prepared = stepTargets(lossSpec, targets, { count: batch.count, classes: this.#network.classes });
    const scaled = prepared.map((numbers) =>
      accumulate === 1 ? numbers : numbers.map((x) => x / accumulate),
    );
    const network = this.#network;
    const input = {
      batch,
      targets: scaled,
      step: this.#step,
      weight: (layer: { readonly name: string }, role: WeightRole) =>
        this.#moving.get(weightName(layer.name, role))!.tensor,
    };
    const computed = this.#division.run(
      batch.count,
      (atOnce) => network.compute(input, atOnce),
      (unused) => network.discard(unused),
    );
    try {
      const { loss, logits, gradients, statistics } = computed;
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
    } finally {
      network.discard(computed);
    }
  }

  /** Moves the weights, or adds to the pending gradients. @returns the gradients' norm where they are clipped */
  #move(gradients: readonly TfTensor[], rates: readonly number[]): number | undefined {
    const { accumulate = 1, clipNorm, optimizer } = this.#spec;
    const tf = this.#tf;
    let totals = gradients;
    const added: TfTensor[] = [];
    if (accumulate > 1) {
      const pending = this.#network.learned.map(({ name }) => slotName(name, PENDING));
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
    this.#network.learned.forEach(({ name, role, group }, i) => {
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
    for (const { layer } of this.#network.plan) {
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
    this.#network.dispose();
    for (const { tensor } of this.#moving.values()) tensor.dispose();
    this.#moving.clear();
  }
}

function read({ variable, tensor }: Moving): Weight {
  return { shape: variable.shape, data: tensor.dataSync<'float32'>().slice() };
}
