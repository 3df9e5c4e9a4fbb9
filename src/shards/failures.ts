// failures.ts: the list of a shard's pictures that failed, a csv beside it; there is none where none did.

import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { ERROR_COLUMNS } from '../features/writer.ts';
import { openBytes, placeOf, type OpenedBytes } from '../objects/place.ts';
import { AppError } from '../util/errors.ts';

/** A picture without a row, and why. */
export interface ShardFailure {
  readonly file: string;
  readonly code: string;
  readonly message: string;
}

/** Takes away a former list where nothing failed. @throws AppError WRITE_FAILED */
export async function writeFailures(where: string, failures: readonly ShardFailure[]): Promise<void> {
  const place = await placeOf(where);
  if (failures.length === 0) {
    await place.remove(where);
    return;
  }
  const rows = failures.map(({ file, code, message }) => [file, code, message]);
  const text = stringify([[...ERROR_COLUMNS], ...rows]);
  await place.write(where, (handle) => handle.writeFile(text), { replace: true });
}

/** The failures in a list; none where there is no list. @throws AppError FILE_INVALID, DOWNLOAD_FAILED */
export async function* shardFailures(where: string): AsyncGenerator<ShardFailure, void, undefined> {
  if (!(await (await placeOf(where)).find(where))) return;
  const opened = await openBytes(where);
  try {
    const rows = pipeline(Readable.from(piecesOf(opened)), parse({ fromLine: 2 }), () => {});
    for await (const [picture, code, message] of rows as AsyncIterable<readonly string[]>) {
      yield { file: picture ?? '', code: code ?? '', message: message ?? '' };
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('FILE_INVALID', `${where} is no list of failures`, { cause: error });
  } finally {
    await opened.close();
  }
}

async function* piecesOf({ size, pieceBytes, read }: OpenedBytes): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < size; at += pieceBytes) {
    const piece = Buffer.alloc(Math.min(pieceBytes, size - at));
    await read(piece, at);
    yield piece;
  }
}
