// json.ts: JSON from outside: depth and number of values are counted before JSON.parse builds them, for it recurses without bound
// and makes dozens of bytes of two.

import type { PathLike } from 'node:fs';
import { AppError, messageOf, type ErrorCode } from './errors.ts';
import { readRegularFile } from './files.ts';
import { quoted } from './quoted.ts';

/** Nothing that finch reads nests a dozen levels, so code that walks the values may recurse this deep. */
const MAX_DEPTH = 64;
/** Of a file of ordinary size: the tensors of a large network, the layers of a deep one. */
const MAX_VALUES = 2_000_000;

export interface JsonLimits {
  /** Begins the message, as a path does. */
  readonly what: string;
  /** The AppError's code. By default FILE_INVALID. */
  readonly code?: ErrorCode;
  readonly maxValues?: number;
}

/** @throws AppError when it is no JSON, nests too deep, or has too many values */
export function parseJson(
  text: string,
  { what, code = 'FILE_INVALID', maxValues = MAX_VALUES }: JsonLimits,
): unknown {
  const { depth, values } = measure(text);
  if (depth > MAX_DEPTH) throw new AppError(code, `${what} nests more than ${MAX_DEPTH} levels of JSON`);
  if (values > maxValues) throw new AppError(code, `${what} has more than ${maxValues} values of JSON`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError(code, `${what} is not JSON: ${quoted(messageOf(error))}`, { cause: error });
  }
}

/** @param limit of the file, in bytes. @throws AppError as `parseJson` does; the system's errors as they are */
export async function readJson(
  file: PathLike,
  { limit, ...limits }: JsonLimits & { readonly limit: number },
): Promise<unknown> {
  return parseJson(String(await readRegularFile(file, { limit, ...limits })), limits);
}

/** The deepest nesting, and how many values there are at most: one after each bracket, comma and colon. */
function measure(text: string): { readonly depth: number; readonly values: number } {
  let depth = 0;
  let deepest = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        for (at++; at < text.length && text.charCodeAt(at) !== QUOTE; at++) {
          if (text.charCodeAt(at) === BACKSLASH) at++;
        }
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        values++;
        deepest = Math.max(deepest, ++depth);
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        values++;
        break;
      default:
    }
  }
  return { depth: deepest, values };
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
