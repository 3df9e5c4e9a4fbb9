// division.ts: what happens when the device's memory does not hold a batch: it is computed in parts, or an error says how many
// samples it does hold. Knows what TensorFlow says when it runs out of memory; computes nothing itself.

import { AppError, messageOf } from '../../util/errors.ts';
import type { Batch, Device, Features, OnDivided } from '../engine.ts';

interface DivisionOptions {
  /** For people: `training resnet18`. */
  readonly doing: string;
  readonly device: Device;
  readonly onDivided?: OnDivided | undefined;
}

/** Remembers how many samples fit. */
export class Division {
  readonly #options: DivisionOptions;
  #atOnce = Infinity;

  constructor(options: DivisionOptions) {
    this.#options = options;
  }

  /**
   * Computes with as many samples at once as fit: halves them as long as memory does not suffice.
   * @param compute leaves nothing behind when it fails
   * @param discard disposes of a result that was computed only to find out what fits
   * @throws AppError OUT_OF_MEMORY when parts were not asked for, or one sample does not fit
   */
  run<T>(samples: number, compute: (atOnce: number) => T, discard: (result: T) => void): T {
    let failed: unknown;
    for (let atOnce = Math.min(samples, this.#atOnce); ; atOnce = Math.ceil(atOnce / 2)) {
      let result: T;
      try {
        result = compute(atOnce);
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        failed ??= error;
        if (atOnce === 1) throw this.#tooLarge(samples, undefined, failed);
        continue;
      }
      if (failed === undefined) return result;
      if (!this.#options.onDivided) {
        discard(result);
        throw this.#tooLarge(samples, atOnce, failed);
      }
      this.#atOnce = atOnce;
      this.#options.onDivided(atOnce);
      return result;
    }
  }

  #tooLarge(samples: number, fits: number | undefined, cause: unknown): AppError {
    const { doing, device } = this.#options;
    const advice =
      fits === undefined
        ? `One is too much already: use smaller pictures, another model${device === 'cuda' ? ', --device cpu' : ''}, or close other programs`
        : `${fits} fit: use --batch-size ${fits}, or leave it out`;
    return new AppError(
      'OUT_OF_MEMORY',
      `${doing} with ${samples} ${samples === 1 ? 'picture' : 'pictures'} at a time takes more memory than ${device} has. ${advice}`,
      { cause },
    );
  }
}

/** How TensorFlow, the C++ library and CUDA report that memory ran out. */
const OUT_OF_MEMORY =
  /OOM when allocating|Resource_?Exhausted|out of memory|OUT_OF_MEMORY|bad_alloc|failed to allocate/i;

function isOutOfMemory(error: unknown): boolean {
  return !(error instanceof AppError) && OUT_OF_MEMORY.test(messageOf(error));
}

export interface Part {
  readonly batch: Batch | Features;
  /** The number of the batch's samples before this part. */
  readonly from: number;
}

/** Divides a batch into batches of nearly equal size, none larger than the limit. */
export function partsOf(batch: Batch | Features, atOnce: number): readonly Part[] {
  const { count } = batch;
  const parts = Math.ceil(count / atOnce);
  if (parts === 1) return [{ batch, from: 0 }];
  const size = batch.data.length / count;
  return Array.from({ length: parts }, (_, i) => {
    const [from, to] = [Math.floor((i * count) / parts), Math.floor(((i + 1) * count) / parts)];
    const data = batch.data.subarray(from * size, to * size);
    return { batch: { ...batch, data, count: to - from } as Batch | Features, from };
  });
}
