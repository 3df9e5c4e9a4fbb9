// recipe.ts: what a run does when a flag does not say otherwise. Plain data; every value here is a flag of `finetune`.

import type { Optimizer } from '../engine/training.ts';
import type { ScheduleSpec } from './schedule.ts';

export const RECIPE_NAMES = ['default', 'tutorial'] as const;
export type RecipeName = (typeof RECIPE_NAMES)[number];

export interface Recipe {
  /** Of stage 2. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly valSplit: number;
  readonly head: {
    /** `converged`: trained to the lowest possible loss. `adam`: epochs of small batches. */
    readonly method: 'converged' | 'adam';
    readonly epochs: number;
    /** The learning rate of Adam. */
    readonly rate: number;
  };
  readonly optimizer: Optimizer;
  readonly schedule: ScheduleSpec;
  readonly batchNorm: 'train' | 'frozen';
  readonly labelSmoothing: number;
  /** Smallest share of a picture's area that a random crop keeps. */
  readonly minCrop: number;
  /** Epochs within which stage 2 has to surpass what was there before, where nobody says how long it is. */
  readonly gainWithin?: number;
  /** Decay of the averaged weights; 0 for none, 1 for an average over a share of the run. */
  readonly ema: number;
  /** Largest norm of the gradients; 0 for none. */
  readonly clipNorm: number;
}

/** Most iterations of a head that converges: after these, nothing changes any more. */
const CONVERGED = 100;

export const RECIPES = {
  // Chosen on splits of train/ (bench/results/finetune.md): the head that stage 1 finds is good, so stage 2 moves gently away
  // from it, keeps ImageNet's batch-norm statistics (a few pictures give poor estimates of them), and averages its weights.
  default: {
    epochs: 10,
    batchSize: 32,
    valSplit: 0.2,
    head: { method: 'converged', epochs: CONVERGED, rate: 1e-3 },
    // SGD moves a weight in proportion to its gradient. Its best rate for ResNet ruins a network of depthwise kernels, because
    // their few weights take the gradient of a whole channel. Adam's steps are equally long everywhere: one rate suits both.
    optimizer: { kind: 'adamw', weightDecay: 0 },
    schedule: { name: 'cosine', rate: 1e-4, warmup: 1, stepSize: 2, gamma: 0.9 },
    batchNorm: 'frozen',
    labelSmoothing: 0,
    minCrop: 0.35,
    gainWithin: 3,
    ema: 1,
    // A confident head meets views it has never seen: without a limit on gradients, the first steps can ruin the network.
    clipNorm: 1,
  },
  // The two stages of the tutorial that finch comes from, value by value.
  tutorial: {
    epochs: 10,
    batchSize: 32,
    valSplit: 0.2,
    head: { method: 'adam', epochs: 1, rate: 1e-3 },
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
    schedule: { name: 'step', rate: 0.001, stepSize: 2, gamma: 0.9, minRate: 1e-5, warmup: 0 },
    batchNorm: 'train',
    labelSmoothing: 0,
    minCrop: 0.35,
    ema: 0,
    clipNorm: 0,
  },
} as const satisfies Record<RecipeName, Recipe>;
