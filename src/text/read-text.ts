// read-text.ts: a text file -> its text, in any encoding. All labels, lists and tables are read here.

import { AppError, messageOf, systemCode, type ErrorCode } from '../util/errors.ts';
import { readRegularFile } from '../util/files.ts';
import { decodeText, encodingRemark } from './encoding.ts';

interface ReadTextOptions {
  /** The largest size, in bytes. */
  readonly limit: number;
  readonly code: ErrorCode;
  /** The file's description in messages, instead of its path. */
  readonly what?: string;
  /** The content that was expected, for messages. */
  readonly expected: string;
}

export interface TextFile {
  readonly text: string;
  /** What the user should know about how the file was read. */
  readonly remarks: readonly string[];
}

/** @throws AppError of `code` for a file that is not regular, too large, or not text */
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
