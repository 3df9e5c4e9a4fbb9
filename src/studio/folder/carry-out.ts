// carry-out.ts: does the steps of a change that is in the journal, and writes down that it is done.

import { messageOf } from '../../util/errors.ts';
import type { Change, Journal } from './journal.ts';
import { doStep, subjectOf, type MoveStep, type Step } from './steps.ts';

/** What came of a change. */
export interface Changed {
  readonly moved: readonly MoveStep[];
  /** Pictures that stay where they are, and why. */
  readonly failed: readonly { readonly id: string; readonly detail: string }[];
}

interface CarryingOut {
  readonly root: string;
  readonly journal: Journal;
  readonly isAgain: boolean;
  readonly onStep?: (step: Step) => void;
}

/** Does what is written in the journal. What cannot be done is left, and told. */
export async function carryOut(
  change: Change,
  { root, journal, isAgain, onStep }: CarryingOut,
): Promise<Changed> {
  const place = { root, isAgain, seen: new Set<string>() };
  const moved: MoveStep[] = [];
  const failed: { id: string; detail: string }[] = [];
  const left: number[] = [];
  for (const [i, step] of change.steps.entries()) {
    try {
      await doStep(step, place);
      onStep?.(step);
      if ('from' in step) moved.push(step);
    } catch (error) {
      left.push(i);
      failed.push({ id: subjectOf(step), detail: messageOf(error) });
    }
  }
  await journal.end(change, left);
  return { moved, failed };
}
