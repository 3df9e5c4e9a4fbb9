// fixed-batch.ts: any number of pictures through a network that takes the same number in every run: in parts, the last one filled up.

import { elementCount } from '../../util/shape.ts';
import type { Batch, Tensor } from '../engine.ts';

/** @param run takes `size` pictures */
export async function inParts(
  batch: Batch,
  size: number,
  run: (part: Batch) => Promise<readonly Tensor[]>,
): Promise<readonly Tensor[]> {
  const bytes = batch.height * batch.width * 3;
  const parts: (readonly Tensor[])[] = [];
  for (let first = 0; first < batch.count; first += size) {
    const data = new Uint8Array(size * bytes);
    data.set(batch.data.subarray(first * bytes, Math.min(first + size, batch.count) * bytes));
    parts.push(await run({ ...batch, data, count: size }));
  }
  return (parts[0] ?? []).map(({ shape: [, ...rest] }, output) => {
    const numbers = elementCount(rest);
    const data = new Float32Array(batch.count * numbers);
    parts.forEach((part, i) => {
      const count = Math.min(size, batch.count - i * size);
      data.set(part[output]!.data.subarray(0, count * numbers), i * size * numbers);
    });
    return { data, shape: [batch.count, ...rest] };
  });
}
