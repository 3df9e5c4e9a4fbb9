// checked.ts: JSON from outside -> values of a known form, by a zod schema, or one line that says what is wrong where.

import type { z } from 'zod';
import { AppError } from './errors.ts';
import { quoted } from './quoted.ts';

interface Source {
  /** Begins the message: the file. */
  readonly file: string;
  /** Who writes such files. */
  readonly writer: string;
  /** What the user may do. */
  readonly advice?: string;
}

/** @throws AppError FILE_INVALID naming the first field that is not as expected */
export function checkedAs<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { file, writer, advice }: Source,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue!.path.length === 0 ? '' : `${quoted(issue!.path.join('.'), 60)}: `;
  throw new AppError(
    'FILE_INVALID',
    `${file} is not as ${writer} writes it: ${where}${quoted(issue!.message)}${advice === undefined ? '' : `; ${advice}`}`,
  );
}
