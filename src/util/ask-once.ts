// ask-once.ts: one question to a thread of its own, with a limit of time and of memory: for libraries that read files from outside, which can
// be made to run for ever. A thread can be ended in the middle of anything.

import { WorkerPool } from './worker-pool.ts';

interface AskOnceOptions {
  /** The compiled file that serves. */
  readonly script: URL;
  readonly memoryMegabytes: number;
  readonly seconds: number;
  /** What is thrown when the time is over. */
  readonly late: () => Error;
}

/** @throws what `late` gives; AppError OUT_OF_MEMORY; what the thread threw, which is a bug */
export async function askOnce<Answer>(
  question: unknown,
  { script, memoryMegabytes, seconds, late }: AskOnceOptions,
): Promise<Answer> {
  const pool = new WorkerPool<unknown, Answer>({
    script,
    size: 1,
    resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
  });
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), seconds * 1000);
  });
  try {
    return await Promise.race([pool.ask(question), over]);
  } finally {
    clearTimeout(timer);
    await pool.dispose();
  }
}
