// path-list.ts: bytes of a list -> paths, one at a time as they arrive: in lines, or each ended by a NUL as by `find -print0`.

import { AppError } from '../util/errors.ts';
import { encodingOf } from './encoding.ts';

/** Systems accept paths of some thousand bytes; a longer line is not a path. */
const MAX_PATH_BYTES = 64 * 1024;

export interface ListedPath {
  readonly text: string;
  /** The bytes in the list, if they are not UTF-8: a file's name may have the same bytes. */
  readonly bytes?: Buffer;
}

type Decoder = InstanceType<typeof TextDecoder>;

/** Whether bytes are not text in any encoding. */
export function isBinary(head: Uint8Array): boolean {
  return encodingOf(head) === undefined;
}

/** Blank lines are skipped. @throws AppError INPUT_NOT_FOUND when it is not a list of paths */
export async function* listedPaths(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<ListedPath, void, undefined> {
  const refuse = (problem: string) =>
    new AppError('INPUT_NOT_FOUND', `${problem}; expected a text of paths, one a line`);
  let rest: Buffer = Buffer.alloc(0);
  let decoder: Decoder | undefined;
  let isWide = false;
  let separator = 0x0a;
  for await (const chunk of chunks) {
    if (!decoder) {
      const encoding = encodingOf(chunk);
      if (!encoding) throw refuse('these bytes are no text');
      decoder = new TextDecoder(encoding);
      isWide = encoding.startsWith('utf-16');
      if (!isWide && chunk.includes(0)) separator = 0;
    }
    // Line ends are single bytes in every encoding but UTF-16.
    const bytes = isWide ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk;
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let start = 0;
    for (let end = rest.indexOf(separator); end >= 0; end = rest.indexOf(separator, start)) {
      yield* pathOf(rest.subarray(start, end), isWide ? undefined : decoder);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > MAX_PATH_BYTES) throw refuse(`a line has more than ${MAX_PATH_BYTES} bytes`);
  }
  yield* pathOf(rest, isWide ? undefined : decoder);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function* pathOf(line: Buffer, decoder: Decoder | undefined): Generator<ListedPath, void, undefined> {
  const bytes = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  let text: string;
  let isUtf8 = true;
  try {
    text = UTF8.decode(bytes);
  } catch {
    text = (decoder ?? new TextDecoder()).decode(bytes);
    isUtf8 = false;
  }
  text = text.replace(/^\uFEFF/, '').replace(/\s+$/, '');
  if (text !== '') yield isUtf8 ? { text } : { text, bytes: Buffer.from(bytes) };
}
