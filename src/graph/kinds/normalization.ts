// normalization.ts: batch norm, and layer norm over the channels of each place.

import type { Shape } from '../../util/shape.ts';
import type { Unary, WeightRole } from './base.ts';
import { checkLastAxis, oneInput, unsupportedConfig } from './keras-config.ts';
import type { Kind } from './kind.ts';

export interface BatchNormalization extends Unary {
  readonly kind: 'batchNormalization';
  readonly epsilon: number;
  /** Keras's: the share of the old running statistics that a training step keeps (torch's momentum is 1 minus it). */
  readonly momentum: number;
  readonly center: boolean;
  readonly scale: boolean;
  /** Its numbers are a preparation of the pictures (Keras's Normalization) and never change, also where batch norm learns. */
  readonly isFixed?: true;
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of a place's channels. */
export interface LayerNormalization extends Unary {
  readonly kind: 'layerNormalization';
  readonly epsilon: number;
  readonly center: boolean;
  readonly scale: boolean;
}

export const batchNormalization: Kind<BatchNormalization> = {
  outputShape: (_layer, [input]) => input!,
  weights: ({ scale, center }, input) => {
    const channels: Shape = [input.at(-1) ?? 0];
    const roles: readonly WeightRole[] = [
      ...(scale ? (['gamma'] as const) : []),
      ...(center ? (['beta'] as const) : []),
      'moving_mean',
      'moving_variance',
    ];
    return roles.map((role) => [role, channels]);
  },
  isKept: true,
  torch: {
    gamma: { suffix: 'weight', isByInput: true },
    beta: { suffix: 'bias', isByInput: true },
    moving_mean: { suffix: 'running_mean', isByInput: true },
    moving_variance: { suffix: 'running_var', isByInput: true },
  },
  keras: {
    write: ({ epsilon, momentum, center, scale, isFixed }) => [
      'BatchNormalization',
      { axis: -1, epsilon, momentum, center, scale, ...(isFixed && { trainable: false, fixed: true }) },
    ],
    read: {
      BatchNormalization: (config, { name, inputs, inputShape }) => {
        checkLastAxis(config, inputShape);
        return {
          kind: 'batchNormalization',
          name,
          inputs: oneInput(config, inputs),
          epsilon: config.number('epsilon', 1e-3),
          momentum: config.number('momentum', 0.99),
          center: config.boolean('center', true),
          scale: config.boolean('scale', true),
          // finch's own word: a base that Keras froze for training is not trainable either, but can be trained again.
          ...(config.boolean('fixed', false) && { isFixed: true as const }),
        };
      },
    },
  },
};

export const layerNormalization: Kind<LayerNormalization> = {
  outputShape: (_layer, [input]) => input!,
  weights: ({ scale, center }, input) => {
    const channels: Shape = [input.at(-1) ?? 0];
    return [
      ...(scale ? ([['gamma', channels]] as const) : []),
      ...(center ? ([['beta', channels]] as const) : []),
    ];
  },
  isKept: true,
  torch: { gamma: { suffix: 'weight', isByInput: true }, beta: { suffix: 'bias', isByInput: true } },
  keras: {
    write: ({ epsilon, center, scale }) => ['LayerNormalization', { axis: -1, epsilon, center, scale }],
    read: {
      LayerNormalization: (config, { name, inputs, inputShape }) => {
        checkLastAxis(config, inputShape);
        if (config.boolean('rms_scaling', false))
          throw unsupportedConfig(config, 'rms_scaling, which leaves the mean in, is not computed by finch');
        return {
          kind: 'layerNormalization',
          name,
          inputs: oneInput(config, inputs),
          epsilon: config.number('epsilon', 1e-3),
          center: config.boolean('center', true),
          scale: config.boolean('scale', true),
        };
      },
    },
  },
};
