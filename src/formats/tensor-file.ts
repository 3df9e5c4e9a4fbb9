// tensor-file.ts: what a file of named tensors is once read, whichever container it came in. Plain data.

/** Element types that the containers use, by their common names; the number is bytes per element. */
export const DTYPE_BYTES = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** One tensor: little-endian bytes, row-major, contiguous; `bytes.byteOffset` is a multiple of the element size. */
export interface RawTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The tensors of a file by name, in file order. */
export type TensorMap = ReadonlyMap<string, RawTensor>;
