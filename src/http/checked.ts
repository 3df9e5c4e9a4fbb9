// checked.ts: what a request says, as query or as JSON -> values of a known form, or one line that names what is wrong.

import type { z } from 'zod';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';

/** @throws AppError USAGE naming the first field that is not as expected */
export function jsonOf<Schema extends z.ZodType>(bytes: Buffer, schema: Schema): z.output<Schema> {
  return checked(schema, parseJson(bytes.toString(), { what: 'the body', code: 'USAGE' }), 'the body');
}

/** @param what begins the message. @throws AppError USAGE naming the first field that is not as expected */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue!.path.length === 0 ? '' : ` ${quoted(issue!.path.join('.'), 60)}:`;
  throw new AppError('USAGE', `${what} is not as expected:${where} ${quoted(issue!.message)}`);
}
