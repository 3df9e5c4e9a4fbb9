// trainer.ts: runs lowered training steps on onnxruntime. Everything that moves lies in two buffers: a step reads one and writes
// the other, then they swap; the runtime works on both where they are.

import type { Weight, Weights } from '../../graph/layers.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { AppError, messageOf } from '../../util/errors.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import type { Batch, Device, EngineModel, Features } from '../engine.ts';
import type { StepResult, Targets, Trainer, TrainerState, TrainSpec } from '../training.ts';
import { checkRates, checkState, diverged } from '../training/errors.ts';
import { trainedGraph } from '../training/learning.ts';
import { dropoutMask } from '../training/masks.ts';
import { PENDING, rememberedOf, slotName } from '../training/optimizer-state.ts';
import { stepTargets } from '../training/targets.ts';
import { weightOf } from '../weights.ts';
import { TARGET_INPUTS } from './losses.ts';
import {
  FINISHED,
  GRADIENT_NORM,
  LOGITS,
  LOSS,
  lowerTraining,
  newName,
  type LoweredStep,
  type Phase,
} from './lower-training.ts';
import { scalarsFor } from './optimizers.ts';
import { sessionOptions, type Runtime, type Session } from './runtime.ts';
import { fromStored, toStored, storedVariables, type StoredVariable } from './variables.ts';

interface TrainerOptions {
  readonly runtime: Runtime;
  readonly device: Device;
  readonly threads: number;
  readonly onlyOnDevice: boolean;
  /** Channels in a block of the CPU-tuned lowering; 0 for the portable one. */
  readonly block: number;
}

type OnnxTensor = InstanceType<Runtime['Tensor']>;

/** Something that a step moves: read from `front`, written to `back`. */
interface Moving {
  front: OnnxTensor;
  back: OnnxTensor;
  /** What it is, or what it belongs to. */
  readonly variable: StoredVariable;
}

interface CompiledStep {
  readonly session: Session;
  readonly lowered: LoweredStep;
}

/** Steps that are kept compiled: the usual one and the last of an epoch, each with and without an update. */
const MAX_COMPILED = 4;

export async function createTrainer(
  model: EngineModel,
  spec: TrainSpec,
  options: TrainerOptions,
): Promise<Trainer> {
  const trainer = new OnnxTrainer(model, spec, options);
  await trainer.compile(spec.batchSize, (spec.accumulate ?? 1) > 1 ? 'gather' : 'whole');
  return trainer;
}

class OnnxTrainer implements Trainer {
  readonly description: string;
  readonly #model: EngineModel;
  readonly #spec: TrainSpec;
  readonly #options: TrainerOptions;
  readonly #classes: number;
  readonly #moving = new Map<string, Moving>();
  readonly #compiled = new Map<string, CompiledStep>();
  #step = 0;

  constructor(model: EngineModel, spec: TrainSpec, options: TrainerOptions) {
    this.#model = model;
    this.#spec = spec;
    this.#options = options;
    this.description =
      options.block > 0
        ? `CPU-tuned lowering, blocks of ${options.block} channels`
        : `portable lowering on ${options.device}`;
    const graph = trainedGraph(model.graph, spec);
    const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
    this.#classes = shapes.get(graph.output)![0]!;
    for (const variable of storedVariables(graph, spec, shapes, options.block)) {
      const { data } = weightOf(model.weights, { name: variable.layer }, variable.role);
      this.#add(variable.name, variable, toStored(variable, data));
      if (variable.kind === 'statistic') continue;
      for (const slot of rememberedOf(spec)) {
        this.#add(slotName(variable.name, slot), variable, new Float32Array(elementCount(variable.shape)));
      }
    }
  }

  #add(name: string, variable: StoredVariable, data: Float32Array): void {
    const { Tensor } = this.#options.runtime;
    const { shape } = variable.stored;
    const tensor = (values: Float32Array) => new Tensor('float32', values, shape);
    this.#moving.set(name, { front: tensor(data), back: tensor(new Float32Array(data.length)), variable });
  }

  /** The session of a step of this size: made when first asked for, the oldest let go. */
  async compile(batch: number, phase: Phase): Promise<CompiledStep> {
    const key = `${batch} ${phase}`;
    const known = this.#compiled.get(key);
    if (known) return known;
    const { runtime, device, block } = this.#options;
    const lowered = lowerTraining(this.#model, this.#spec, {
      batch,
      phase,
      block,
      inPlace: device === 'cpu',
    });
    let session: Session;
    try {
      session = await runtime.InferenceSession.create(
        lowered.model,
        sessionOptions({
          ...this.#options,
          constants: lowered.constants,
          trains: true,
        }),
      );
    } catch (error) {
      throw new AppError(
        'ENGINE_UNAVAILABLE',
        `onnxruntime cannot train ${this.#model.graph.name} on ${device}: ${messageOf(error)}. ` +
          (device === 'cpu' ? 'Run: finch doctor' : 'Use --device cpu, or see: finch doctor'),
        { cause: error },
      );
    }
    const compiled = { session, lowered };
    this.#compiled.set(key, compiled);
    if (this.#compiled.size > MAX_COMPILED) {
      const [oldest, step] = this.#compiled.entries().next().value!;
      this.#compiled.delete(oldest);
      await step.session.release();
    }
    return compiled;
  }

  async step(batch: Batch | Features, targets: Targets, rates: readonly number[]): Promise<StepResult> {
    const { Tensor } = this.#options.runtime;
    const { loss: lossSpec, accumulate = 1 } = this.#spec;
    checkRates(rates, this.#spec);
    const size = { count: batch.count, classes: this.#classes };
    const prepared = stepTargets(lossSpec, targets, size);
    const phase = this.#phase();
    const { session, lowered } = await this.compile(batch.count, phase);

    const feeds: Record<string, OnnxTensor> = {};
    const feed = (name: string, data: Float32Array, shape: Shape) => {
      feeds[name] = new Tensor('float32', data, shape);
    };
    if ('height' in batch) {
      feeds['pixels'] = new Tensor('uint8', batch.data, [batch.count, batch.height, batch.width, 3]);
    } else {
      feed('features', batch.data, [batch.count, batch.data.length / batch.count]);
    }
    TARGET_INPUTS[lossSpec.kind].forEach((name, i) => {
      const scaled = accumulate === 1 ? prepared[i]! : prepared[i]!.map((x) => x / accumulate);
      feed(name, scaled, [batch.count, this.#classes]);
    });
    const update = Math.floor(this.#step / accumulate) + 1;
    for (const [name, value] of scalarsFor(this.#spec.optimizer, rates, update)) {
      feed(name, Float32Array.of(value), []);
    }
    lowered.masks.forEach(({ name, shape, rate }, index) => {
      const { seed = 0 } = this.#spec;
      feed(name, dropoutMask({ shape, rate, seed, step: this.#step, index }), shape);
    });
    for (const [name, { front }] of this.#moving) feeds[name] = front;
    const known = new Set(session.inputNames);
    for (const name of Object.keys(feeds)) if (!known.has(name)) delete feeds[name];

    const loss = new Tensor('float32', new Float32Array(1), []);
    const norm = new Tensor('float32', new Float32Array(1), []);
    const logits = new Tensor('float32', new Float32Array(batch.count * this.#classes), [
      batch.count,
      this.#classes,
    ]);
    const fetches: Record<string, OnnxTensor | null> = { [LOSS]: loss, [LOGITS]: logits };
    const hasNorm = session.outputNames.includes(GRADIENT_NORM);
    if (hasNorm) fetches[GRADIENT_NORM] = norm;
    for (const name of lowered.moved) fetches[newName(name)] = this.#moving.get(name)!.back;
    if (this.#options.device === 'cpu') await runInPlace(session, feeds, fetches);
    else await session.run(feeds, fetches);

    const value = (loss.data[0] as number) * accumulate;
    if (!Number.isFinite(value)) throw diverged(value, this.#step, rates);
    for (const name of lowered.moved) {
      const moving = this.#moving.get(name)!;
      [moving.front, moving.back] = [moving.back, moving.front];
    }
    if (phase === 'finish') this.#clearPending();
    this.#step++;
    return {
      loss: value,
      logits: { data: logits.data, shape: logits.dims },
      ...(hasNorm && { gradNorm: norm.data[0] as number }),
    };
  }

  #phase(): Phase {
    const { accumulate = 1 } = this.#spec;
    if (accumulate === 1) return 'whole';
    return (this.#step + 1) % accumulate === 0 ? 'finish' : 'gather';
  }

  #clearPending(): void {
    for (const [name, { front }] of this.#moving) {
      if (name.endsWith(`:${PENDING}`)) (front.data as Float32Array).fill(0);
    }
  }

  async weights(): Promise<Weights> {
    const weights = new Map(this.#model.weights);
    for (const [name, { front, variable }] of this.#moving) {
      if (name !== variable.name) continue;
      weights.set(name, { shape: variable.shape, data: fromStored(variable, front.data as Float32Array) });
    }
    return weights;
  }

  async state(): Promise<TrainerState> {
    const tensors = new Map<string, Weight>();
    for (const [name, { front, variable }] of this.#moving) {
      tensors.set(name, { shape: variable.shape, data: fromStored(variable, front.data as Float32Array) });
    }
    return { step: this.#step, tensors };
  }

  async restore({ step, tensors }: TrainerState): Promise<void> {
    checkState(
      tensors,
      [...this.#moving].map(([name, { variable }]) => [name, variable.shape]),
    );
    for (const [name, { front, variable }] of this.#moving) {
      (front.data as Float32Array).set(toStored(variable, tensors.get(name)!.data));
    }
    this.#step = step;
  }

  async dispose(): Promise<void> {
    for (const { session } of this.#compiled.values()) await session.release();
    this.#compiled.clear();
    this.#moving.clear();
  }
}

/**
 * Runs a step whose outputs all have their place already.
 *
 * onnxruntime-node writes outputs to where it is told, and then copies each into a new array for its answer: with all weights and
 * their momentum among them, a copy of the whole network a step. A sequence is what it cannot answer with, and it says so after
 * everything is written and before anything is copied; it stands first among the outputs for that.
 */
async function runInPlace(
  session: Session,
  feeds: Readonly<Record<string, OnnxTensor>>,
  fetches: Readonly<Record<string, OnnxTensor | null>>,
): Promise<void> {
  try {
    await session.run(feeds, { [FINISHED]: null, ...fetches });
  } catch (error) {
    if (!messageOf(error).includes('Non tensor type is temporarily not supported')) throw error;
  }
}
