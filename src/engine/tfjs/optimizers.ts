// optimizers.ts: how a gradient moves a weight, as TensorFlow.js operations: PyTorch's SGD, Adam and AdamW, which TensorFlow.js does
// not have (decoupled decay, a rate for each group). Their states and defaults are the same for every engine.

import type { Optimizer } from '../training.ts';
import { DEFAULT_BETAS, DEFAULT_EPSILON } from '../training/optimizer-state.ts';
import type { Tf, TfTensor } from './runtime.ts';

interface Update {
  readonly weight: TfTensor;
  readonly gradient: TfTensor;
  /** In the order of `slotsOf`. */
  readonly slots: readonly TfTensor[];
  readonly rate: number;
  /** Counts from 1. */
  readonly update: number;
  /** Whether weight decay touches this weight. */
  readonly decays: boolean;
}

interface Updated {
  readonly weight: TfTensor;
  readonly slots: readonly TfTensor[];
}

/** The weight and its moments after a step; call within a tidy. */
export function updated(tf: Tf, optimizer: Optimizer, step: Update): Updated {
  const decay = step.decays ? (optimizer.weightDecay ?? 0) : 0;
  return optimizer.kind === 'sgd' ? sgd(tf, optimizer, step, decay) : adam(tf, optimizer, step, decay);
}

/** v = momentum v + g, w = w - rate v; Nesterov: w = w - rate (g + momentum v). */
function sgd(
  tf: Tf,
  { momentum = 0, nesterov = false }: Extract<Optimizer, { kind: 'sgd' }>,
  { weight, gradient, slots: [velocity], rate }: Update,
  decay: number,
): Updated {
  const g = decay ? tf.add(gradient, tf.mul(weight, decay)) : gradient;
  if (velocity === undefined) return { weight: tf.sub(weight, tf.mul(g, rate)), slots: [] };
  const moved = tf.add(tf.mul(velocity, momentum), g);
  const direction = nesterov ? tf.add(g, tf.mul(moved, momentum)) : moved;
  return { weight: tf.sub(weight, tf.mul(direction, rate)), slots: [moved] };
}

/** w = w - rate / (1 - β₁ᵗ) m / (√v / √(1 - β₂ᵗ) + ε), m and v being the moving means of g and g². */
function adam(
  tf: Tf,
  { kind, betas = DEFAULT_BETAS, epsilon = DEFAULT_EPSILON }: Extract<Optimizer, { kind: 'adam' | 'adamw' }>,
  { weight, gradient, slots, rate, update }: Update,
  decay: number,
): Updated {
  const [mean, square] = slots as readonly [TfTensor, TfTensor];
  const [beta1, beta2] = betas;
  const blend = (old: TfTensor, beta: number, fresh: TfTensor) =>
    tf.add(tf.mul(old, beta), tf.mul(fresh, 1 - beta));
  const g = kind === 'adam' && decay ? tf.add(gradient, tf.mul(weight, decay)) : gradient;
  const newMean = blend(mean, beta1, g);
  const newSquare = blend(square, beta2, tf.square(g));
  const root = tf.mul(tf.sqrt(newSquare), 1 / Math.sqrt(1 - beta2 ** update));
  const direction = tf.div(newMean, tf.add(root, epsilon));
  const shrunk = kind === 'adamw' && decay ? tf.sub(weight, tf.mul(weight, rate * decay)) : weight;
  return {
    weight: tf.sub(shrunk, tf.mul(direction, rate / (1 - beta1 ** update))),
    slots: [newMean, newSquare],
  };
}

/** The global L2 norm of gradients, and what `clip_grad_norm_` multiplies them by. */
export function clipping(tf: Tf, gradients: readonly TfTensor[], limit: number) {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(tf.addN(squares)).dataSync()[0]!;
  return { norm, factor: Math.min(1, limit / (norm + 1e-6)) };
}
