// cases.ts: what a fuzz target is, how one case of it is made again from a seed and a number, and what must hold of every case.

import assert from 'node:assert/strict';
import { AppError } from '../../src/util/errors.ts';
import { createRng, type Rng } from '../../src/util/rng.ts';

/** One input from outside. */
export interface FuzzCase {
  /** Its size. */
  readonly bytes: number;
  /** Reads it as finch does. It may throw an AppError; any other error is a finding. */
  readonly read: () => unknown;
}

/** Makes a case from random numbers and from nothing else. Every file in targets/ has one as its default export. */
export type FuzzTarget = (rng: Rng) => FuzzCase | Promise<FuzzCase>;

export type Outcome = 'read' | 'refused';

export async function makeCase(target: FuzzTarget, seed: number, number: number): Promise<FuzzCase> {
  return target(createRng(seed).fork('case', number));
}

/** Messages name a path, quote at most 200 characters of a name or a value, and say what to do. */
const MAX_MESSAGE = 600;

/** One line without characters that a terminal would obey. */
const ONE_LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]+$/u;

/** @throws what is wrong with the case's end */
export async function endOf({ read }: FuzzCase): Promise<Outcome> {
  try {
    await read();
    return 'read';
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    assert.match(error.message, ONE_LINE);
    assert.ok(error.message.length <= MAX_MESSAGE, `a message of ${error.message.length} characters: ${error.message.slice(0, 300)}…`); // prettier-ignore
    return 'refused';
  }
}

/** Runs cases in this process, for tests. @throws the first finding, with the number of its case */
export async function runCases(
  target: FuzzTarget,
  { seed, cases }: { readonly seed: number; readonly cases: number },
) {
  const ends = { read: 0, refused: 0 };
  for (let number = 0; number < cases; number++) {
    try {
      ends[await endOf(await makeCase(target, seed, number))] += 1;
    } catch (cause) {
      throw new Error(`case ${number} of seed ${seed}`, { cause });
    }
  }
  return ends;
}
