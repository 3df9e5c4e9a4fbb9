// labels-file.ts: the classes of pictures from a csv of two columns, `key` and `label`, held in memory while shards are read.

import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { encodingOf, encodingRemark, fits, textDecoder } from '../../../text/encoding.ts';
import { separatorOf } from '../../../text/table.ts';
import { AppError, messageOf, systemCode } from '../../../util/errors.ts';
import { openRegularFile, sha256OfFile } from '../../../util/files.ts';
import type { Work } from '../../work.ts';

/** About a gigabyte of names. */
const MAX_LABELS = 10_000_000;
/** A path and a name. */
const MAX_ROW_BYTES = 65_536;

export interface Labels {
  /** By the names of pictures. */
  readonly classes: ReadonlyMap<string, string>;
  /** sha256 of the file. */
  readonly hash: string;
}

/** @param note receives what the user should know about how the file was read. @throws AppError FILE_INVALID */
export async function readLabels(file: string, note: Work['note']): Promise<Labels> {
  const what = `--labels-from ${file}`;
  const invalid = (problem: string, cause?: unknown) => new AppError('FILE_INVALID', `${what}: ${problem}`, { cause }); // prettier-ignore
  const labels = new Map<string, string>();
  let bytes: Readable | undefined;
  try {
    const { handle } = await openRegularFile(file, { what });
    bytes = handle.createReadStream();
    const parts = textOf(bytes, { invalid, onRemark: (remark) => note(`${what} ${remark}`) });
    const first = await parts.next();
    const head = first.done ? '' : first.value;
    const { begin, separator } = separatorOf(head);
    const rest = Readable.from(joined(head.slice(begin), parts)).on('error', (error) => rows.destroy(error));
    const rows = rest.pipe(parse({ columns: true, trim: true, delimiter: separator, maxRecordSize: MAX_ROW_BYTES })); // prettier-ignore
    for await (const { key, label } of rows as AsyncIterable<Readonly<Record<string, string>>>) {
      if (key === undefined || label === undefined) throw invalid('expected the columns key and label');
      if (key === '' || label === '') throw invalid(`line ${labels.size + 2} lacks its key or its label`);
      const former = labels.get(key);
      if (former !== undefined && former !== label) throw invalid(`${key} is ${former} in one line and ${label} in another`); // prettier-ignore
      labels.set(key, label);
      if (labels.size > MAX_LABELS) throw invalid(`has more than ${MAX_LABELS} lines`);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (systemCode(error) === 'ENOENT') throw invalid('no such file', error);
    if (error instanceof CsvError || systemCode(error) !== undefined) throw invalid(messageOf(error), error);
    throw error;
  } finally {
    // Closes the file, also where not all of it was read.
    bytes?.destroy();
  }
  if (labels.size === 0) throw invalid('has no lines');
  return { classes: labels, hash: await sha256OfFile(file) };
}

interface Telling {
  readonly invalid: (problem: string, cause?: unknown) => AppError;
  readonly onRemark: (remark: string) => void;
}

/** Text as its bytes arrive; the first of them show its encoding. @throws AppError FILE_INVALID where later ones are not of it */
async function* textOf(
  bytes: AsyncIterable<Buffer>,
  { invalid, onRemark }: Telling,
): AsyncGenerator<string, void, undefined> {
  let decode: ((part?: Buffer) => string) | undefined;
  for await (const part of bytes) {
    if (!decode) {
      const encoding = encodingOf(part);
      if (!encoding) throw invalid('is no text; expected a csv with the columns key and label');
      const remark = encodingRemark(encoding);
      if (remark !== undefined) onRemark(remark);
      // Where the beginning has a few broken letters already, others are replaced like them.
      const decoder = textDecoder(encoding, { isStrict: fits(part, encoding) });
      decode = (next) => {
        try {
          return decoder(next);
        } catch (cause) {
          throw invalid(`has bytes that are not ${encoding.toUpperCase()}, the encoding of its beginning; save it as UTF-8`, cause); // prettier-ignore
        }
      };
    }
    yield decode(part);
  }
  if (decode) yield decode();
}

async function* joined(head: string, rest: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield head;
  yield* rest;
}
