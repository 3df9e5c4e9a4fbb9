// in-place.ts: a run of a step that keeps onnxruntime-node from copying what it has written already.

import { messageOf } from '../../util/errors.ts';
import { FINISHED } from './lower-training.ts';
import type { Answers } from './moving.ts';
import type { Session } from './runtime.ts';

/**
 * Runs a step whose outputs all have their place already.
 *
 * onnxruntime-node writes outputs to where it is told, and then copies each into a new array for its answer: with all weights and
 * their momentum among them, a copy of the whole network a step. A sequence is what it cannot answer with, and it says so after
 * everything is written and before anything is copied; it stands first among the outputs for that.
 */
export async function runInPlace(session: Session, feeds: Answers, fetches: Answers): Promise<Answers> {
  try {
    await session.run(feeds, { [FINISHED]: null, ...fetches });
  } catch (error) {
    if (!messageOf(error).includes('Non tensor type is temporarily not supported')) throw error;
  }
  return fetches;
}
