// read-text.ts: a text file -> its text, whatever it is encoded in. The one way in for labels, lists and tables.

import { AppError, messageOf, systemCode, type ErrorCode } from '../util/errors.ts';
import { readRegularFile } from '../util/files.ts';
import { decodeText, encodingRemark } from './encoding.ts';

interface ReadTextOptions {
  /** In bytes. */
  readonly limit: number;
  readonly code: ErrorCode;
  /** What it is called in messages, instead of its path. */
  readonly what?: string;
  /** What should have been there instead. */
  readonly expected: string;
}

export interface TextFile {
  readonly text: string;
  /** What the user should know of how it was read. */
  readonly remarks: readonly string[];
}

/** @throws AppError of `code` for what is no regular file, too large, or no text */
export async function readText(
  file: string,
  { limit, code, what = file, expected }: ReadTextOptions,
): Promise<TextFile> {
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(file, { limit, code, what });
  } catch (error) {
    if (error instanceof AppError) throw error;
    const problem = systemCode(error) === 'ENOENT' ? 'is no file' : `cannot be read: ${messageOf(error)}`;
    throw new AppError(code, `${what} ${problem}; expected ${expected}`, { cause: error });
  }
  const decoded = decodeText(bytes);
  if (!decoded) throw new AppError(code, `${what} is no text; expected ${expected}`);
  const remark = encodingRemark(decoded.encoding);
  return { text: decoded.text, remarks: remark === undefined ? [] : [`${what} ${remark}`] };
}
