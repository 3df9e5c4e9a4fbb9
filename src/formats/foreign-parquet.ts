// foreign-parquet.ts: tables that anybody may have made, read in a thread with a limit of time and of memory: a false count in a page
// makes a reader run for hours.

import { AppError } from '../util/errors.ts';
import { WorkerPool } from '../util/worker-pool.ts';
import type { ParquetFile } from './parquet-file.ts';
import type { Answer, Question } from './parquet-worker.ts';

/** A row group of a gigabyte takes seconds. */
const MAX_SECONDS = 60;
const MAX_MEMORY_MB = 2048;

/** A thread that reads one table behind the other. */
export interface ParquetThread {
  /** The same as `openParquet`, but lists of numbers come as Float64Array. @throws AppError FILE_INVALID, FILE_UNSAFE, OUT_OF_MEMORY */
  open(file: string): Promise<ParquetFile>;
  close(): Promise<void>;
}

/** The thread starts when it is needed. */
export function startParquetThread(): ParquetThread {
  let pool: WorkerPool<Question, Answer> | undefined;
  const close = async () => {
    await pool?.dispose();
    pool = undefined;
  };
  /** @param seconds absent: as long as it takes */
  const ask = async <Asked extends Question>(question: Asked, seconds?: number): Promise<Extract<Answer, { readonly asked: Asked['asked'] }>> => {
    pool ??= new WorkerPool<Question, Answer>({
      script: new URL('./parquet-worker.js', import.meta.url),
      size: 1,
      resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
    });
    const answer = await within(pool.ask(question), seconds, async () => {
      // A thread can be ended in the middle of anything; the next question gets another.
      await close();
      return new AppError('FILE_UNSAFE', `${question.file} took more than ${MAX_SECONDS} s to read a part of and was stopped; write it again, with smaller row groups`); // prettier-ignore
    });
    if (answer.asked === 'none') throw new AppError(answer.code, answer.problem);
    return answer as Extract<Answer, { readonly asked: Asked['asked'] }>;
  }; // prettier-ignore
  return {
    async open(file) {
      const { about } = await ask({ asked: 'open', file }, MAX_SECONDS);
      return {
        file,
        ...about,
        read: async (range, columns) =>
          (await ask({ asked: 'rows', file, range, columns }, MAX_SECONDS)).rows,
        numbers: async (group, column) =>
          (await ask({ asked: 'numbers', file, group, column }, MAX_SECONDS)).numbers,
        // Hashing takes as long as the file is, and runs no code that bytes could mislead.
        isWhole: async () => (await ask({ asked: 'seal', file })).isWhole,
        close: async () => void (await ask({ asked: 'close', file })),
      };
    },
    close,
  };
}

async function within<T>(
  promise: Promise<T>,
  seconds: number | undefined,
  late: () => Promise<Error>,
): Promise<T> {
  if (seconds === undefined) return promise;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => void late().then(reject, reject), seconds * 1000);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** One table in a thread of its own, which ends with it. @throws AppError FILE_INVALID, FILE_UNSAFE, OUT_OF_MEMORY */
export async function openForeignParquet(file: string): Promise<ParquetFile> {
  const thread = startParquetThread();
  try {
    return { ...(await thread.open(file)), close: () => thread.close() };
  } catch (error) {
    await thread.close();
    throw error;
  }
}
