// target.ts: a target with the faults that the watchdog has to find.

import { AppError } from '../../../src/util/errors.ts';
import type { Rng } from '../../../src/util/rng.ts';
import type { FuzzTarget } from '../cases.ts';
import type { Suspect } from '../trace.ts';

let count = 0;

/** What a case does, and how it has to be reported. */
const FAULTS: readonly (readonly [read: () => unknown, kind: Suspect['kind'] | undefined])[] = [
  [() => 'sound', undefined],
  [
    () => {
      throw new AppError('FILE_INVALID', 'refused as it should be');
    },
    undefined,
  ],
  [
    () => {
      throw new Error('a bug');
    },
    'error',
  ],
  [
    () => {
      throw new AppError('FILE_INVALID', 'x'.repeat(1000));
    },
    'error',
  ],
  [() => process.emitWarning('what a library says'), 'error'],
  [
    () => {
      for (;;) count++;
    },
    'hang',
  ],
  [() => Buffer.alloc(200 * 2 ** 20, 1), 'memory'],
  [() => process.kill(process.pid, 'SIGSEGV'), 'death'],
];

export const faultOf = (rng: Rng) => FAULTS[rng.integer(FAULTS.length)]!;

const faulty: FuzzTarget = (rng) => ({ bytes: 10, read: faultOf(rng)[0] });

export default faulty;
