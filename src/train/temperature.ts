// temperature.ts: makes a network as sure as it is right: the number that its logits are divided by. Pure.

import { lossDerivatives, rootBetween, type Scored } from '../evaluation/metrics.ts';

/** No data moves the temperature further than this from 1. */
const [LEAST, MOST] = [0.25, 4];

/**
 * How far from 1 a temperature is expected, as the deviation of its logarithm: a network that has not been wrong yet (20 pictures, all
 * right) would else become sure beyond all reason.
 */
const EXPECTED = 0.4;

/**
 * The most probable temperature of logits of pictures that were not learnt from, if its logarithm is about 0 beforehand: the cross-entropy of
 * all rows plus the prior's is lowest there. Source of temperature scaling: Guo and others (2017).
 */
export function measuredTemperature(scored: Scored): number {
  // Of the cost by the temperature's logarithm.
  const at = (logarithm: number) => {
    const factor = Math.exp(-logarithm);
    const { slope, curvature } = lossDerivatives(scored, factor);
    return {
      value: -factor * slope + logarithm / EXPECTED ** 2,
      derivative: factor * slope + factor ** 2 * curvature + 1 / EXPECTED ** 2,
    };
  };
  return Math.exp(rootBetween([Math.log(LEAST), Math.log(MOST)], at, 1e-6));
}
