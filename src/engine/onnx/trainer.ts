// trainer.ts: runs lowered training steps on onnxruntime. The tensors that steps update are kept in moving.ts.

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
import { runInPlace } from './in-place.ts';
import { TARGET_INPUTS } from './losses.ts';
import {
  GRADIENT_NORM,
  LOGITS,
  LOSS,
  lowerTraining,
  newName,
  type LoweredStep,
  type Phase,
} from './lower-training.ts';
import { createMovingTensors, type Answers, type MovingTensors, type OnnxTensor } from './moving.ts';
import { scalarsFor } from './optimizers.ts';
import { sessionOptions, type Runtime, type Session } from './runtime.ts';
import { encodeFor } from './widened.ts';
import { fromStored, hasOneBuffer, toStored, storedVariables, type StoredVariable } from './variables.ts';

interface TrainerOptions {
  readonly runtime: Runtime;
  readonly device: Device;
  readonly threads: number;
  readonly onlyOnDevice: boolean;
  /** Channels in a block of the CPU-tuned lowering; 0 for the portable one. */
  readonly block: number;
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
  /** Without the weights that learn. */
  readonly #model: EngineModel;
  /** All weights, in the model's order. */
  readonly #names: readonly string[];
  readonly #spec: TrainSpec;
  readonly #options: TrainerOptions;
  readonly #classes: number;
  readonly #moving: MovingTensors;
  /** The variable of each moving tensor: the variable itself, or the one that its optimizer state belongs to. */
  readonly #variables = new Map<string, StoredVariable>();
  readonly #compiled = new Map<string, CompiledStep>();
  #step = 0;

  constructor(model: EngineModel, spec: TrainSpec, options: TrainerOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#moving = createMovingTensors(options.runtime, options.device);
    this.description =
      options.block > 0
        ? `CPU-tuned lowering, blocks of ${options.block} channels`
        : `portable lowering on ${options.device}`;
    const graph = trainedGraph(model.graph, spec);
    const shapes = inferShapes(graph, spec.size && [...spec.size, 3]);
    this.#classes = shapes.get(graph.output)![0]!;
    for (const variable of storedVariables(graph, spec, shapes, options.block)) {
      const { data } = weightOf(model.weights, { name: variable.layer }, variable.role);
      this.#add(variable.name, variable, toStored(variable, data), hasOneBuffer(variable));
      if (variable.kind === 'statistic') continue;
      for (const slot of rememberedOf(spec)) {
        const zeros = new Float32Array(elementCount(variable.shape));
        // An optimizer's state is read by its own update alone, number by number.
        this.#add(slotName(variable.name, slot), variable, zeros, true);
      }
    }
    // The numbers that learn are in the tensors now: only the others are still read from the model.
    this.#names = [...model.weights.keys()];
    const others = [...model.weights].filter(([name]) => !this.#variables.has(name));
    this.#model = { ...model, weights: new Map(others) };
  }

  #add(name: string, variable: StoredVariable, data: Float32Array, hasOneBuffer = false): void {
    this.#variables.set(name, variable);
    this.#moving.set(name, data, variable.stored.shape, hasOneBuffer);
  }

  /** The session of a step of this size. It is made at the first request, and the oldest one is released. */
  async compile(batch: number, phase: Phase): Promise<CompiledStep> {
    const key = `${batch} ${phase}`;
    const known = this.#compiled.get(key);
    if (known) return known;
    const { runtime, device, block } = this.#options;
    const { inPlace, staysOnDevice } = this.#moving;
    const lowered = lowerTraining(this.#model, this.#spec, { batch, phase, block, inPlace });
    let session: Session;
    try {
      session = await runtime.InferenceSession.create(
        encodeFor(device, lowered.graph),
        sessionOptions({
          ...this.#options,
          constants: lowered.constants,
          trains: true,
          ...(staysOnDevice && { stays: lowered.moved.map(newName) }),
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
    Object.assign(feeds, await this.#moving.feeds());
    const known = new Set(session.inputNames);
    for (const name of Object.keys(feeds)) if (!known.has(name)) delete feeds[name];

    const fetches: Record<string, OnnxTensor | null> = this.#moving.fetches(lowered.moved);
    const hasNorm = session.outputNames.includes(GRADIENT_NORM);
    const told = {
      [LOSS]: [],
      [LOGITS]: [batch.count, this.#classes],
      ...(hasNorm && { [GRADIENT_NORM]: [] }),
    };
    for (const [name, shape] of Object.entries(told)) {
      fetches[name] = this.#moving.inPlace
        ? new Tensor('float32', new Float32Array(elementCount(shape)), shape)
        : null;
    }
    const answers = this.#moving.inPlace
      ? await runInPlace(session, feeds, fetches as Answers)
      : await session.run(feeds, fetches);

    const value = (answers[LOSS]!.data[0] as number) * accumulate;
    if (!Number.isFinite(value)) {
      this.#moving.discard(lowered.moved, answers);
      throw diverged(value, this.#step, rates);
    }
    this.#moving.accept(lowered.moved, answers);
    if (phase === 'finish') this.#clearPending();
    this.#step++;
    const logits = answers[LOGITS]!;
    return {
      loss: value,
      logits: { data: logits.data as Float32Array, shape: logits.dims },
      ...(hasNorm && { gradNorm: answers[GRADIENT_NORM]!.data[0] as number }),
    };
  }

  #phase(): Phase {
    const { accumulate = 1 } = this.#spec;
    if (accumulate === 1) return 'whole';
    return (this.#step + 1) % accumulate === 0 ? 'finish' : 'gather';
  }

  #clearPending(): void {
    for (const name of this.#variables.keys()) if (name.endsWith(`:${PENDING}`)) this.#moving.clear(name);
  }

  async #read(name: string): Promise<Weight> {
    const variable = this.#variables.get(name)!;
    return { shape: variable.shape, data: fromStored(variable, await this.#moving.read(name)) };
  }

  async weights(): Promise<Weights> {
    const weights = new Map<string, Weight>();
    for (const name of this.#names) {
      weights.set(name, this.#variables.has(name) ? await this.#read(name) : this.#model.weights.get(name)!);
    }
    return weights;
  }

  async state(): Promise<TrainerState> {
    const tensors = new Map<string, Weight>();
    for (const name of this.#variables.keys()) tensors.set(name, await this.#read(name));
    return { step: this.#step, tensors };
  }

  async restore({ step, tensors }: TrainerState): Promise<void> {
    checkState(
      tensors,
      [...this.#variables].map(([name, { shape }]) => [name, shape]),
    );
    for (const [name, variable] of this.#variables) {
      this.#moving.set(name, toStored(variable, tensors.get(name)!.data), variable.stored.shape);
    }
    this.#step = step;
  }

  async dispose(): Promise<void> {
    for (const { session } of this.#compiled.values()) await session.release();
    this.#compiled.clear();
    await this.#moving.dispose();
    this.#variables.clear();
  }
}
