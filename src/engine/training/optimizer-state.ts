// optimizer-state.ts: what an optimizer remembers between steps, its default settings, and which weights decay.
// The engines do the arithmetic.

import type { WeightRole } from '../../graph/layers.ts';
import type { Optimizer, TrainSpec } from '../training.ts';

/** The values that an optimizer remembers for each weight. They start as zeros. */
const SLOTS = {
  sgd: ['momentum'],
  adam: ['mean', 'square'],
  adamw: ['mean', 'square'],
} as const satisfies Record<Optimizer['kind'], readonly string[]>;

export function slotsOf(optimizer: Optimizer): readonly string[] {
  return optimizer.kind === 'sgd' && !optimizer.momentum ? [] : SLOTS[optimizer.kind];
}

/** Gradients that are kept until those of the next steps are added. */
export const PENDING = 'gradient';

/** Everything that is remembered for a weight between steps. */
export function rememberedOf({ optimizer, accumulate = 1 }: TrainSpec): readonly string[] {
  return [...slotsOf(optimizer), ...(accumulate > 1 ? [PENDING] : [])];
}

/** The name of a remembered value in a state. */
export const slotName = (variable: string, slot: string): string => `${variable}:${slot}`;

export const DEFAULT_BETAS = [0.9, 0.999] as const;
export const DEFAULT_EPSILON = 1e-8;

/** Whether weight decay touches a weight of this role. */
export function decaysWeight({ decays = 'all' }: Optimizer, role: WeightRole): boolean {
  return decays === 'all' || role === 'kernel' || role === 'depthwise_kernel';
}
