// dropout.ts: numbers left out at random in training; at inference it does nothing.

import type { Unary } from './base.ts';
import { oneInput } from './keras-config.ts';
import type { Kind } from './kind.ts';

export interface Dropout extends Unary {
  readonly kind: 'dropout';
  readonly rate: number;
  /** The whole sample is dropped, or nothing of it: stochastic depth, on the branch of a residual block. */
  readonly perSample?: boolean;
}

export const dropout: Kind<Dropout> = {
  outputShape: (_layer, [input]) => input!,
  keepsSign: true,
  keras: {
    write: ({ rate, perSample }) => ['Dropout', { rate, ...(perSample && { noise_shape: [null, 1, 1, 1] }) }],
    read: {
      Dropout: (config, { name, inputs }) => ({
        kind: 'dropout',
        name,
        inputs: oneInput(config, inputs),
        rate: config.number('rate', 0),
        // Keras's noise_shape [null, 1, 1, 1]: one draw a sample
        ...(Array.isArray(config.raw('noise_shape')) && { perSample: true }),
      }),
    },
  },
};
