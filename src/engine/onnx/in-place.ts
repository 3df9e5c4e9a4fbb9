// in-place.ts: runs a step without a second copy of its outputs, which onnxruntime-node would make.

import { messageOf } from '../../util/errors.ts';
import { FINISHED } from './lower-training.ts';
import type { Answers } from './moving.ts';
import type { Session } from './runtime.ts';

/**
 * Runs a step whose outputs all go to tensors that exist already.
 *
 * onnxruntime-node writes the outputs to the given tensors, and then copies each into a new array that it returns. The outputs
 * include all weights and their momentum, so that would copy the whole network at every step. It cannot return a sequence, and
 * reports this after everything is written and before anything is copied. Therefore the first output is a sequence.
 */
export async function runInPlace(session: Session, feeds: Answers, fetches: Answers): Promise<Answers> {
  try {
    await session.run(feeds, { [FINISHED]: null, ...fetches });
  } catch (error) {
    if (!messageOf(error).includes('Non tensor type is temporarily not supported')) throw error;
  }
  return fetches;
}
