// quantization.ts: what has to be known of a network to compute it with bytes. Plain data.

import type { Range } from './affine.ts';
import type { WeightBits } from './kernel.ts';

export interface Quantization {
  readonly bits: WeightBits;
  /** What the output of a layer takes, by the layer's name: of each that is kept as bytes. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Means of the input by channel, of each convolution that is computed with bytes. */
  readonly means: ReadonlyMap<string, Float32Array>;
}
