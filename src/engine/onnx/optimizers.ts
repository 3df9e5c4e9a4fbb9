// optimizers.ts: how a gradient updates a weight, as onnx operators. Rates and values that depend on the step number are inputs.
// Sources: PyTorch's documentation of SGD, Adam and AdamW; Kingma and Ba, Adam, 2015; Loshchilov and Hutter, AdamW, 2019.

import type { Optimizer } from '../training.ts';
import { DEFAULT_BETAS, DEFAULT_EPSILON } from '../training/optimizer-state.ts';
import type { Shape } from '../../util/shape.ts';
import type { Emitter } from './emitter.ts';

/** Scalar inputs of a step. */
const rateName = (group: number): string => `rate/${group}`;
const stepSizeName = (group: number): string => `rate/${group}/corrected`;
const ROOT_CORRECTION = 'rate/root-correction';

/**
 * The scalars that the optimizer takes at an update: learning rates, and Adam's corrections for moments that began at zero.
 * @param update counts from 1
 */
export function scalarsFor(
  optimizer: Optimizer,
  rates: readonly number[],
  update: number,
): ReadonlyMap<string, number> {
  const plain = rates.map((rate, group) => [rateName(group), rate] as const);
  if (optimizer.kind === 'sgd') return new Map(plain);
  const [beta1, beta2] = optimizer.betas ?? DEFAULT_BETAS;
  const corrected = rates.map((rate, group) => [stepSizeName(group), rate / (1 - beta1 ** update)] as const);
  const decays = optimizer.kind === 'adamw' && optimizer.weightDecay ? plain : [];
  return new Map([...decays, ...corrected, [ROOT_CORRECTION, 1 / Math.sqrt(1 - beta2 ** update)]]);
}

interface Update {
  readonly weight: string;
  /** The weight's, which its gradient and slots have too. */
  readonly shape: Shape;
  readonly gradient: string;
  /** In the order of `slotsOf`. */
  readonly slots: readonly string[];
  readonly group: number;
  /** The weight has one buffer, because it is large: see variables.ts. */
  readonly isOverwritten: boolean;
  /** Of a weight that is overwritten after another gradient has read it: a factor of the rate, 0 where nothing may move. */
  readonly factor?: string | undefined;
  /** Whether weight decay applies to this weight. */
  readonly decays: boolean;
  /**
   * Names of the slots' new values. The operator that computes one puts it out under this name, because the runtime copies what is put
   * out under a name and read under another.
   */
  readonly newSlots: readonly string[];
}

/** @returns the new weight */
export function emitUpdate(e: Emitter, optimizer: Optimizer, update: Update): string {
  const decay = update.decays ? (optimizer.weightDecay ?? 0) : 0;
  return optimizer.kind === 'sgd'
    ? emitSgd(e, optimizer, update, decay)
    : emitAdam(e, optimizer, update, decay);
}

/**
 * v = momentum v + g, w = w - rate v; Nesterov: w = w - rate (g + momentum v). For a weight that is overwritten because it is large, both
 * are multiples of s = v + g / momentum, which takes the memory of g: the kernel of a VGG's first dense layer has 400 MB.
 */
function emitSgd(
  e: Emitter,
  { momentum = 0, nesterov = false }: Extract<Optimizer, { kind: 'sgd' }>,
  update: Update,
  decay: number,
): string {
  const { weight, shape, gradient, slots: [velocity], group, newSlots: [name] } = update; // prettier-ignore
  const g = decay ? e.add(gradient, e.scale(weight, decay, shape)) : gradient;
  const rate = guarded(e, rateName(group), update);
  if (velocity === undefined) return moved(e, update, e.times(g, rate, shape));
  if (nesterov || !update.isOverwritten) {
    const next = e.emit('Add', [e.scale(velocity, momentum, shape), g], undefined, { name: name! });
    const direction = nesterov ? e.add(g, e.scale(next, momentum, shape)) : next;
    return moved(e, update, e.times(direction, rate, shape));
  }
  const sum = e.add(velocity, e.scale(g, 1 / momentum, shape));
  e.emit('Mul', [sum, e.numberBeside(shape, momentum)], undefined, { name: name! });
  return moved(e, update, e.times(sum, e.scale(rate, momentum), shape));
}

/** A rate times the factor: the move by it is 0 or NaN where the factor is 0. The rate is one number, the move as large as the weight. */
function guarded(e: Emitter, rate: string, { factor }: Update): string {
  return factor === undefined ? rate : e.mul(rate, factor);
}

/** weight - move. A weight that is overwritten stays as it is where the factor is 0, whatever the move holds. */
function moved(e: Emitter, { weight, factor }: Update, move: string): string {
  if (factor === undefined) return e.sub(weight, move);
  // ThresholdedRelu gives x where x > alpha, else 0: so it makes 0 of NaN.
  return e.sub(weight, e.emit('ThresholdedRelu', [move], { alpha: { float: LOWEST } }));
}

/** The lowest number of float32. */
const LOWEST = -3.4028234663852886e38;

/** w = w - rate / (1 - β₁ᵗ) m / (√v / √(1 - β₂ᵗ) + ε), m and v being the moving means of g and g². */
function emitAdam(
  e: Emitter,
  { kind, betas = DEFAULT_BETAS, epsilon = DEFAULT_EPSILON }: Extract<Optimizer, { kind: 'adam' | 'adamw' }>,
  update: Update,
  decay: number,
): string {
  const { weight, shape, gradient, slots, group, newSlots } = update;
  const blend = (slot: number, beta: number, fresh: string) =>
    e.emit('Add', [e.scale(slots[slot]!, beta, shape), e.scale(fresh, 1 - beta, shape)], undefined, { name: newSlots[slot]! }); // prettier-ignore
  const g = kind === 'adam' && decay ? e.add(gradient, e.scale(weight, decay, shape)) : gradient;
  const newMean = blend(0, betas[0], g);
  const newSquare = blend(1, betas[1], e.mul(g, g));
  const root = e.times(e.emit('Sqrt', [newSquare]), ROOT_CORRECTION, shape);
  const direction = e.div(newMean, e.add(root, e.numberBeside(shape, epsilon)));
  const step = e.times(direction, guarded(e, stepSizeName(group), update), shape);
  const shrink = () => e.times(weight, e.scale(guarded(e, rateName(group), update), decay), shape);
  const move = kind === 'adamw' && decay > 0 ? e.add(step, shrink()) : step;
  return moved(e, update, move);
}

/**
 * Scales gradients down to a global L2 norm, as PyTorch's `clip_grad_norm_` does.
 * @param shapes of the gradients
 * @returns the norm before, and the gradients after
 */
export function emitClipping(
  e: Emitter,
  gradients: ReadonlyMap<string, string>,
  shapes: ReadonlyMap<string, Shape>,
  limit: number,
) {
  const squares = [...gradients.values()].map((g) => e.emit('ReduceSumSquare', [g], { keepdims: 0 }));
  const norm = e.emit('Sqrt', [squares.reduce((a, b) => e.add(a, b))]);
  const wanted = e.div(e.scalar(limit), e.add(norm, e.scalar(1e-6)));
  const factor = e.emit('Min', [wanted, e.scalar(1)]);
  return {
    norm,
    gradients: new Map([...gradients].map(([name, g]) => [name, e.times(g, factor, shapes.get(name)!)])),
  };
}
