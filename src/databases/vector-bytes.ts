// vector-bytes.ts: rows of numbers -> the bytes that pgvector's types are sent as: how many numbers (2 bytes), 2 bytes of nothing, and the
// numbers, all with the highest byte first. Exact, and a third of the text.

import { normalized } from '../util/dot.ts';
import { float32ToFloat16 } from '../util/float16.ts';

const HEADER_BYTES = 4;

/** float32 as it is. */
export function binaryVector(row: Float32Array): Buffer {
  const [bytes, view] = begun(row.length, 4);
  for (let i = 0; i < row.length; i++) view.setFloat32(HEADER_BYTES + 4 * i, row[i]!);
  return bytes;
}

/** float16 of the row scaled to length 1: halfvec takes no number above 65,504, and a cosine stays what it is. */
export function binaryHalfvec(row: Float32Array): Buffer {
  const [bytes, view] = begun(row.length, 2);
  const halves = float32ToFloat16(normalized(row));
  for (let i = 0; i < row.length; i++) view.setUint16(HEADER_BYTES + 2 * i, halves[i]!);
  return bytes;
}

function begun(numbers: number, size: number): readonly [Buffer, DataView] {
  const bytes = Buffer.alloc(HEADER_BYTES + size * numbers);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(0, numbers);
  return [bytes, view];
}
