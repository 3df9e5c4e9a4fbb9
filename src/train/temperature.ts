// temperature.ts: makes a network as sure as it is right: the number that its logits are divided by. Pure.

import { rowLosses, type Scored } from '../evaluation/metrics.ts';

/** No data moves the temperature further than this from 1. */
const [LEAST, MOST] = [0.25, 4];

/**
 * How far from 1 a temperature is expected, as the deviation of its logarithm: a network that has not been wrong yet (20 pictures, all
 * right) would else become sure beyond all reason.
 */
const EXPECTED = 0.4;

const STEPS = 60;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The most probable temperature of logits of pictures that were not learnt from, if its logarithm is about 0 beforehand: the cross-entropy of
 * all rows plus the prior's is lowest there. Source of temperature scaling: Guo and others (2017).
 */
export function measuredTemperature(scored: Scored): number {
  const cost = (logarithm: number) =>
    rowLosses(scored, Math.exp(logarithm)).reduce((sum, loss) => sum + loss, 0) +
    logarithm ** 2 / (2 * EXPECTED ** 2);
  let [low, high] = [Math.log(LEAST), Math.log(MOST)];
  // Golden section: of two places between, the better one bounds what is left.
  let [a, b] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [costA, costB] = [cost(a), cost(b)];
  for (let step = 0; step < STEPS && high - low > 1e-4; step++) {
    if (costA <= costB) {
      [high, b, costB] = [b, a, costA];
      a = high - GOLDEN * (high - low);
      costA = cost(a);
    } else {
      [low, a, costA] = [a, b, costB];
      b = low + GOLDEN * (high - low);
      costB = cost(b);
    }
  }
  return Math.exp((low + high) / 2);
}
