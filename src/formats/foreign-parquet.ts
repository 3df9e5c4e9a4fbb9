// foreign-parquet.ts: rows of a table that anybody may have made, read in a thread with a limit of time and of memory: a false count in a page
// makes a reader run for hours.

import { askOnce } from '../util/ask-once.ts';
import { AppError } from '../util/errors.ts';
import type { Answer, Question } from './parquet-worker.ts';

/** A row group of a gigabyte takes seconds. */
const MAX_SECONDS = 60;
const MAX_MEMORY_MB = 2048;

/** @throws AppError FILE_INVALID, FILE_UNSAFE, OUT_OF_MEMORY */
export async function readForeignRows(
  question: Question,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { file } = question;
  const answer = await askOnce<Answer>(question, {
    script: new URL('./parquet-worker.js', import.meta.url),
    memoryMegabytes: MAX_MEMORY_MB,
    seconds: MAX_SECONDS,
    late: () => new AppError('FILE_UNSAFE', `${file} took more than ${MAX_SECONDS} s to read a row group of and was stopped; write it again, with smaller row groups`), // prettier-ignore
  });
  if ('problem' in answer) throw new AppError('FILE_INVALID', answer.problem);
  return answer.rows;
}
