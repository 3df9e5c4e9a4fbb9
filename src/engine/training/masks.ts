// masks.ts: the random masks of dropout: a function of seed, step and layer alone, so that a restored run draws the same ones.

import { elementCount, type Shape } from '../../util/shape.ts';

interface MaskOptions {
  readonly shape: Shape;
  /** The share that is dropped. */
  readonly rate: number;
  readonly seed: number;
  readonly step: number;
  /** Tells the masks of one step apart. */
  readonly index: number;
}

/** The mask is 0 where a value is dropped and 1 / (1 - rate) elsewhere. */
export function dropoutMask({ shape, rate, seed, step, index }: MaskOptions): Float32Array {
  const mask = new Float32Array(elementCount(shape));
  const kept = 1 / (1 - rate);
  const dropped = rate * 2 ** 32;
  const stream = mix(mix(mix(seed) ^ step) ^ index);
  for (let i = 0; i < mask.length; i++) mask[i] = mix(stream + i) < dropped ? 0 : kept;
  return mask;
}

/** A 32-bit hash that differs strongly for neighbouring inputs: the finaliser of MurmurHash3 (Appleby, 2011). */
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
