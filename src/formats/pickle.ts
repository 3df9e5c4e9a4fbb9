// pickle.ts: runs one pickle of a torch file. It never calls anything: a global is a name, and what may be made of names is the
// caller's table.

import { Machine, type PickleRules, type PickleValue } from './pickle-machine.ts';
import { STEPS } from './pickle-opcodes.ts';

/**
 * Runs one pickle.
 * @returns its value, and the position behind its STOP
 * @throws AppError FILE_INVALID when it is damaged, FILE_UNSAFE when it asks for a global that is not allowed
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new Machine(bytes, start, rules);
  return { value: machine.run(STEPS), end: machine.position };
}
