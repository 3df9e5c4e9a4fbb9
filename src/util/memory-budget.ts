// memory-budget.ts: memory that the threads of this process share by agreement: a thread that needs much waits for its turn. A
// thread that needs little waits only behind one that needs much. This file does not know what the memory is used for.

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads';
import { partOfLimit } from './memory-limit.ts';

/** A photo of 24 megapixels takes a fifth of a gigabyte while it is decoded: one for each core, and a few more. */
const BUDGET_BYTES = partOfLimit(1 / 4, Math.max(1024 ** 3, availableParallelism() * 256 * 1024 ** 2));

/** Amounts are counted in units, so that 32 bits suffice. */
const UNIT_BYTES = 4096;
const BUDGET = Math.ceil(BUDGET_BYTES / UNIT_BYTES);

/** How often a waiting thread looks again, in milliseconds. */
const POLL_MS = 5;

/**
 * The first number is what all hold; one for each thread follows, so that a dead one's share can be given back. The last is the slot of
 * the thread whose request is next, or 0.
 */
const THREADS = 1024;
const NEXT = THREADS + 1;
const KEY = 'finch: memory budget';

const held = new Int32Array(shareBudget());
const slotOf = (thread: number) => 1 + (thread % THREADS);

/** What threads count in: made at the first call, and found by the threads that are started after it. */
export function shareBudget(): SharedArrayBuffer {
  const found = getEnvironmentData(KEY);
  if (found instanceof SharedArrayBuffer) return found;
  const made = new SharedArrayBuffer(4 * (NEXT + 1));
  setEnvironmentData(KEY, made);
  return made;
}

/**
 * Runs `action` once `bytes` fit into the rest of the budget; a request above the whole budget waits until nothing is held. Of those that
 * wait, one is next: nobody takes anything before it, or a stream of small ones would leave it no moment.
 * Do not nest calls: two that wait for each other's share would wait for ever.
 */
export async function withMemory<T>(bytes: number, action: () => Promise<T>): Promise<T> {
  const amount = Math.min(BUDGET, Math.ceil(bytes / UNIT_BYTES));
  const slot = slotOf(threadId);
  let isNext = false;
  while (!((isNext || Atomics.load(held, NEXT) === 0) && tryTake(amount))) {
    isNext ||= Atomics.compareExchange(held, NEXT, 0, slot) === 0;
    await sleep(POLL_MS);
  }
  Atomics.add(held, slot, amount);
  if (isNext) Atomics.compareExchange(held, NEXT, slot, 0);
  try {
    return await action();
  } finally {
    Atomics.sub(held, slot, amount);
    Atomics.sub(held, 0, amount);
  }
}

function tryTake(amount: number): boolean {
  for (;;) {
    const used = Atomics.load(held, 0);
    if (used + amount > BUDGET) return false;
    if (Atomics.compareExchange(held, 0, used, used + amount) === used) return true;
  }
}

/** Gives back what a thread held when it died, and its turn. */
export function releaseMemoryOf(thread: number): void {
  const slot = slotOf(thread);
  Atomics.sub(held, 0, Atomics.exchange(held, slot, 0));
  Atomics.compareExchange(held, NEXT, slot, 0);
}
