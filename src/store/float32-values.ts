// float32-values.ts: the numbers of a stored tensor as the engines compute with them.

import type { RawTensor } from '../formats/tensor-file.ts';
import { AppError } from '../util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../util/float16.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount } from '../util/shape.ts';

/** Any floating-point tensor as float32. @throws AppError MODEL_MISMATCH for others */
export function float32Values(name: string, { dtype, shape, bytes }: RawTensor): Float32Array {
  const { buffer, byteOffset } = bytes;
  const count = elementCount(shape);
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'bfloat16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'float64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    default:
      throw new AppError(
        'MODEL_MISMATCH',
        `'${quoted(name)}' holds ${dtype} numbers, weights are floating-point`,
      );
  }
}
