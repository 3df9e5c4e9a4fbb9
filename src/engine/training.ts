// training.ts: what an engine that trains offers: a graph, a loss and an optimizer go in; each step takes a batch, its targets
// and the learning rates, and moves the weights. Plain data; nothing here computes.
//
// What depends on the step (rates, targets, dropout's masks) is an input of the compiled step; everything else is compiled in.

import type { Weights } from '../graph/layers.ts';
import type { Batch, Engine, EngineModel, Features, OnDivided, Tensor } from './engine.ts';

/** All are means over the batch, with PyTorch's definitions and defaults. */
export type Loss =
  /**
   * Softmax and negative log-likelihood; a graph that ends in a softmax is trained on the input of that softmax.
   * With `classWeights` `[K]`, the mean over class targets is divided by the sum of the weights of the classes, as in PyTorch.
   */
  | {
      readonly kind: 'cross-entropy';
      readonly labelSmoothing?: number;
      readonly classWeights?: readonly number[];
    }
  /** On probabilities: the graph ends in a sigmoid. */
  | { readonly kind: 'bce' }
  /** On logits; `posWeight` `[K]` multiplies the loss of the labels that are present. */
  | { readonly kind: 'bce-logits'; readonly posWeight?: readonly number[] };

interface WeightDecay {
  /** 0 by default. SGD and Adam add it to the gradient, AdamW shrinks the weights. */
  readonly weightDecay?: number;
  /** Which weights decay: every weight, as in PyTorch (the default), or only kernels: no bias, no batch norm. */
  readonly decays?: 'all' | 'kernels';
}

export type Optimizer =
  | ({ readonly kind: 'sgd'; readonly momentum?: number; readonly nesterov?: boolean } & WeightDecay)
  | ({
      readonly kind: 'adam' | 'adamw';
      /** 0.9 and 0.999 by default. */
      readonly betas?: readonly [number, number];
      /** 1e-8 by default. */
      readonly epsilon?: number;
    } & WeightDecay);

export interface TrainSpec {
  /** `[H,W]` of the pictures to come; the graph's own by default. */
  readonly size?: readonly [height: number, width: number];
  /** Samples of a usual step, which is compiled at once. Another size (an epoch's last) is compiled when needed. */
  readonly batchSize: number;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Gradients are scaled down to this global L2 norm, as by `clip_grad_norm_`. */
  readonly clipNorm?: number;
  /** Steps whose gradients are averaged before the weights move; 1 by default. */
  readonly accumulate?: number;
  /**
   * A layer, or the module that layers are named after (`layer4`): it and everything behind it in the graph learn. What comes
   * before runs as at inference, and no gradient goes there. Everything learns by default.
   */
  readonly trainFrom?: string;
  /**
   * `train` (the default): statistics of the batch, running ones moved. `frozen`: running statistics, which stay;
   * scale and shift still learn. PyTorch: `bn.train()` and `bn.eval()`.
   */
  readonly batchNorm?: 'train' | 'frozen';
  /** Layers of the second, third … parameter group (a new classifier, say); all others are the first. One rate each. */
  readonly groups?: readonly (readonly string[])[];
  /** The seed of dropout's masks; 0 by default. */
  readonly seed?: number;
}

/** What each sample should be: a class, or a number for each class (soft targets `[N,K]`, or 0 and 1 of several labels). */
export type Targets = { readonly classes: ArrayLike<number> } | { readonly probabilities: Float32Array };

export interface StepResult {
  /** The loss of this batch, before the weights were changed. */
  readonly loss: number;
  /** The graph's output for this batch, `[N,K]` (before a final softmax): for accuracy on the fly. Valid until the next step. */
  readonly logits: Tensor;
  /** Global L2 norm of the gradients before clipping; with `clipNorm` only, in a step that moves the weights. */
  readonly gradNorm?: number;
}

/** Everything that a step depends on, by name: a checkpoint. Training from a restored state gives identical bits. */
export interface TrainerState {
  /** Calls of `step` so far. */
  readonly step: number;
  /** Weights by their names; an optimizer's moments as `<weight>:momentum`, `:mean`, `:square`; pending gradients as `:gradient`. */
  readonly tensors: Weights;
}

/** One call at a time. */
export interface Trainer {
  /** For people to read: which implementation runs, and on which device. */
  readonly description: string;
  /**
   * @param rates one learning rate for each parameter group
   * @throws AppError LABELS_INVALID for a target out of range, before anything moves; TRAINING_DIVERGED when the loss is not finite
   */
  step(batch: Batch | Features, targets: Targets, rates: readonly number[]): Promise<StepResult>;
  /** All weights of the graph as they are now, copied; weights that do not learn are as they were given. */
  weights(): Promise<Weights>;
  state(): Promise<TrainerState>;
  /** @throws AppError CHECKPOINT_INVALID when the state is another network's or another optimizer's */
  restore(state: TrainerState): Promise<void>;
  dispose(): Promise<void>;
}

/** How much each number that a graph takes moves a weighted sum of those it puts out. */
export interface Slopes {
  /**
   * At inference: batch norm with its running statistics, no dropout.
   * @param features the vector that the graph takes. @param direction what each output counts in the sum
   */
  of(features: Float32Array, direction: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface TrainableEngine extends Engine {
  /** @param model its graph takes a vector and puts out one. @throws AppError MODEL_UNSUPPORTED for a foreign network */
  slopes(model: Pick<EngineModel, 'graph' | 'weights'>): Promise<Slopes>;
  /**
   * Compiles the step. The weights given are not changed.
   * @param onDivided a step in parts is the same step: gradients are added up before the weights move. Only batch norm's own
   * statistics are each part's
   * @throws AppError MODEL_UNSUPPORTED for a graph that is no classifier; USAGE for a spec that does not fit the graph;
   * OUT_OF_MEMORY, naming the estimate, when a step would not fit
   */
  trainer(model: EngineModel, spec: TrainSpec, onDivided?: OnDivided): Promise<Trainer>;
  /** An estimate of the bytes that training takes at its peak: weights, optimizer state and activations. */
  trainingMemory(model: EngineModel, spec: TrainSpec): number;
}
