// errors.ts: what TensorFlow says when an operation fails -> what the user can do.

import { AppError, messageOf } from '../../util/errors.ts';
import type { Device } from '../engine.ts';

/** An allocation that failed becomes OUT_OF_MEMORY with a batch size to try; anything else is a bug and stays as it is. */
export function explainRunning(
  error: unknown,
  doing: string,
  { device, samples }: { readonly device: Device; readonly samples: number },
): unknown {
  const message = messageOf(error);
  if (!/OOM when allocating|ResourceExhausted|out of memory|bad_alloc|failed to allocate/i.test(message)) {
    return error;
  }
  const advice =
    samples > 1 ? `Try --batch-size ${Math.floor(samples / 2)}` : 'Close other programs, or use --device cpu';
  return new AppError(
    'OUT_OF_MEMORY',
    `${doing} on ${device} with ${samples} ${samples === 1 ? 'picture' : 'pictures'} at a time needs more memory than there is. ${advice}`,
    { cause: error },
  );
}
