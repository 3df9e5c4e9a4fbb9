// resume.ts: where a former run stopped: passes over the inputs that it finished, after making sure that they are the same
// ones, in the same order and with the same content.

import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { mapOrdered } from '../util/streams.ts';
import type { FeaturePaths } from './paths.ts';
import type { FeatureRecord } from './record.ts';
import { ERROR_COLUMNS, MANIFEST_COLUMNS } from './writer.ts';

interface Input {
  readonly file: string;
}

/** Number of files that are hashed at a time. */
const AHEAD = 16;

/**
 * Yields the inputs after those that already have a row or a failure.
 * @param sha256 of an input's content; undefined when it cannot be read
 * @throws AppError USAGE naming the first input that differs, FILE_INVALID where the former files are missing or damaged
 */
export async function* remaining<T extends Input>(
  inputs: AsyncIterable<T>,
  {
    paths,
    record,
    sha256,
  }: {
    readonly paths: FeaturePaths;
    readonly record: FeatureRecord;
    readonly sha256: (input: T) => Promise<string | undefined>;
  },
): AsyncGenerator<T, void, undefined> {
  const finished = record.rows + record.failed;
  const rows = csvRows(paths.manifest, {
    bytes: record.manifestBytes,
    rows: record.rows,
    columns: MANIFEST_COLUMNS.length,
  });
  const failures = csvRows(paths.errors, {
    bytes: record.errorsBytes,
    rows: record.failed,
    columns: ERROR_COLUMNS.length,
  });
  try {
    let [row, failure] = [await rows.next(), await failures.next()];
    let count = 0;
    let started = 0;
    const hashed = mapOrdered(inputs, AHEAD, async (input) => ({
      input,
      hash: started++ < finished ? await sha256(input) : undefined,
    }));
    for await (const { input, hash } of hashed) {
      if (count++ >= finished) {
        yield input;
        continue;
      }
      if (!row.done && row.value[1] === input.file) {
        if (hash !== row.value[3]) throw different(`the content of ${input.file} has changed since`);
        row = await rows.next();
      } else if (!failure.done && failure.value[0] === input.file) {
        failure = await failures.next();
      } else {
        const former = row.done ? failure.value?.[0] : row.value[1];
        throw different(`picture ${count} is ${input.file}, it was ${former ?? 'none'}`);
      }
    }
    if (count < finished) throw different(`there are ${count} pictures, ${finished} were done already`);
  } finally {
    // A csv that is not read to its end stays open otherwise.
    await Promise.all([rows.return(), failures.return()]);
  }
}

function different(problem: string): AppError {
  return new AppError(
    'USAGE',
    `--resume: the inputs are others: ${problem}; give the same ones, or start anew with --force`,
  );
}

interface Extent {
  readonly bytes: number;
  readonly rows: number;
  readonly columns: number;
}

/** Records of the first `bytes` of a csv, without its header. @throws AppError FILE_INVALID when it is not of this extent */
async function* csvRows(
  file: string,
  { bytes, rows, columns }: Extent,
): AsyncGenerator<readonly string[], void, undefined> {
  if (bytes === 0) return;
  const damaged = (problem: string, cause?: unknown) =>
    new AppError('FILE_INVALID', `${file} ${problem}; start anew with --force`, { cause });
  try {
    const { handle, size } = await openRegularFile(file);
    if (size < bytes) {
      await handle.close();
      throw damaged(`has ${size} bytes, its record says ${bytes}: it was changed since`);
    }
    // Whichever end stops first, the other one and the file are closed; errors come out of the loop below.
    const stored = handle.createReadStream({ end: bytes - 1 });
    const records = pipeline(stored, parse({ fromLine: 2, relaxColumnCount: true }), () => {});
    let count = 0;
    for await (const record of records as AsyncIterable<readonly string[]>) {
      if (record.length !== columns) throw damaged('is not as it was written');
      count += 1;
      yield record;
    }
    if (count !== rows) throw damaged(`has ${count} rows, its record says ${rows}`);
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (systemCode(error) === 'ENOENT') throw damaged('is not there, and its record says it was', error);
    throw damaged(`is not as it was written: ${quoted(messageOf(error))}`, error);
  }
}
