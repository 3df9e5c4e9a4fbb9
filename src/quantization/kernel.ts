// kernel.ts: the numbers of a convolution as whole numbers: a scale for each filter, symmetric around 0, and a bias that makes up for
// what rounding the weights does to the mean. Pure functions.

import type { Affine } from './affine.ts';

/** Bits of a weight. Seven where the processor's products of two bytes overflow: see engine/onnx/weight-bits.ts. */
export type WeightBits = 7 | 8;

/** Seven bits: 2 x 255 x 64 is below 2^15. */
const LARGEST = { 7: 64, 8: 127 } as const satisfies Record<WeightBits, number>;

/** A bias of this size can still be added to without overflow. */
const MAX_BIAS = 2 ** 30;

export interface FloatKernel {
  /** `[O, I/group, H, W]`, batch norm folded in. */
  readonly kernel: Float32Array;
  /** `[O]`; absent: 0. */
  readonly bias: Float32Array | undefined;
  readonly outputs: number;
  /** Inputs of one filter. */
  readonly depth: number;
  readonly groups: number;
}

export interface ByteKernel {
  readonly weights: Int8Array;
  /** Of the weights, for each filter. */
  readonly scales: Float32Array;
  /** In steps of the input's scale times the filter's. */
  readonly bias: Int32Array;
}

/**
 * @param input of the convolution
 * @param means of the input by channel: what rounding a filter's weights adds to its mean answer is taken off its bias
 *   (Nagel and others, Data-Free Quantization, 2019)
 */
export function byteKernel(
  { kernel, bias, outputs, depth, groups }: FloatKernel,
  { bits, input, means }: { readonly bits: WeightBits; readonly input: Affine; readonly means: Float32Array },
): ByteKernel {
  // Depthwise kernels add products in 32 bits on every processor.
  const largest = LARGEST[groups === outputs && depth === 1 ? 8 : bits];
  const perFilter = kernel.length / outputs;
  const area = perFilter / depth;
  const weights = new Int8Array(kernel.length);
  const scales = new Float32Array(outputs);
  const whole = new Int32Array(outputs);
  for (let o = 0; o < outputs; o++) {
    const from = o * perFilter;
    const filter = kernel.subarray(from, from + perFilter);
    const own = bias?.[o] ?? 0;
    const scale = filterScale(filter, own, { largest, step: input.scale });
    scales[o] = scale;
    const firstInput = Math.floor(o / (outputs / groups)) * depth;
    let error = 0;
    for (let i = 0; i < perFilter; i++) {
      const rounded = Math.round(filter[i]! / scale);
      weights[from + i] = rounded;
      error += (rounded * scale - filter[i]!) * means[firstInput + Math.floor(i / area)]!;
    }
    whole[o] = Math.round((own - error) / (scale * input.scale));
  }
  return { weights, scales, bias: whole };
}

/** So that the largest weight gets the largest number, and the bias fits into 32 bits too. */
function filterScale(
  filter: Float32Array,
  bias: number,
  { largest, step }: { readonly largest: number; readonly step: number },
): number {
  const most = filter.reduce((top, w) => Math.max(top, Math.abs(w)), 0);
  return Math.fround(Math.max(most / largest, Math.abs(bias) / (step * MAX_BIAS))) || 1;
}
