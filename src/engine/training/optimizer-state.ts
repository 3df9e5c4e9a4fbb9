// optimizer-state.ts: what an optimizer remembers between steps, what its settings are where nobody says, and which weights decay.
// Engines do the arithmetic.

import type { WeightRole } from '../../graph/layers.ts';
import type { Optimizer, TrainSpec } from '../training.ts';

/** What an optimizer remembers of each weight, from zeros. */
const SLOTS = {
  sgd: ['momentum'],
  adam: ['mean', 'square'],
  adamw: ['mean', 'square'],
} as const satisfies Record<Optimizer['kind'], readonly string[]>;

export function slotsOf(optimizer: Optimizer): readonly string[] {
  return optimizer.kind === 'sgd' && !optimizer.momentum ? [] : SLOTS[optimizer.kind];
}

/** Gradients that wait for those of the next steps. */
export const PENDING = 'gradient';

/** All that is remembered of a weight between steps. */
export function rememberedOf({ optimizer, accumulate = 1 }: TrainSpec): readonly string[] {
  return [...slotsOf(optimizer), ...(accumulate > 1 ? [PENDING] : [])];
}

/** The name of it in a state. */
export const slotName = (variable: string, slot: string): string => `${variable}:${slot}`;

export const DEFAULT_BETAS = [0.9, 0.999] as const;
export const DEFAULT_EPSILON = 1e-8;

/** Whether weight decay touches a weight of this role. */
export function decaysWeight({ decays = 'all' }: Optimizer, role: WeightRole): boolean {
  return decays === 'all' || role === 'kernel' || role === 'depthwise_kernel';
}
