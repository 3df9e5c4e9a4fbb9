// weights.ts: finds a weight by layer and role, and reduces batch norm at inference to two numbers per channel, for every engine.

import { weightName, type LayerOf, type Weight, type WeightRole, type Weights } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';

/** The values of a layer's weight. @throws AppError MODEL_INVALID when the model does not have it */
export function weightOf(weights: Weights, layer: { readonly name: string }, role: WeightRole): Weight {
  const weight = weights.get(weightName(layer.name, role));
  if (!weight)
    throw new AppError('MODEL_INVALID', `the model has no weight '${weightName(layer.name, role)}'`);
  return weight;
}

/**
 * Batch norm at inference as a factor and a term for each channel: y = scale x + shift, with
 * scale = gamma / sqrt(variance + epsilon), shift = beta - mean scale.
 */
export function normScaleAndShift(
  norm: LayerOf<'batchNormalization'>,
  weights: Weights,
): { readonly scale: Float64Array; readonly shift: Float64Array } {
  const mean = weightOf(weights, norm, 'moving_mean').data;
  const variance = weightOf(weights, norm, 'moving_variance').data;
  const gamma = norm.scale ? weightOf(weights, norm, 'gamma').data : undefined;
  const beta = norm.center ? weightOf(weights, norm, 'beta').data : undefined;
  const scale = new Float64Array(mean.length);
  const shift = new Float64Array(mean.length);
  for (let c = 0; c < mean.length; c++) {
    scale[c] = (gamma?.[c] ?? 1) / Math.sqrt(variance[c]! + norm.epsilon);
    shift[c] = (beta?.[c] ?? 0) - mean[c]! * scale[c]!;
  }
  return { scale, shift };
}
