// output.ts: how a command reaches its user: results to stdout, everything else to stderr. cli.ts gives it the streams.
// `--help` loads this file, so it imports little.

import { once } from 'node:events';
import { writeFailed } from '../util/files.ts';
import { systemCode } from '../util/errors.ts';
import { printable, printableLines } from '../util/quoted.ts';

/** Thrown when the reader of stdout has closed it (`| head`): nobody reads the output any more, and this is not an error. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

export interface Output {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  /** Aborted at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** One line of a result with tabs between its cells: unchanged for a script; for people, without terminal control characters. */
export async function writeLine(stream: NodeJS.WriteStream, ...cells: readonly string[]): Promise<void> {
  await write(stream, `${(stream.isTTY ? cells.map(printable) : cells).join('\t')}\n`);
}

/** Csv: unchanged for a script; for people, without terminal control characters. */
export async function writeCsv(stream: NodeJS.WriteStream, text: string): Promise<void> {
  await write(stream, stream.isTTY ? printableLines(text) : text);
}

/** Writes and waits until the stream takes more. @throws ReaderGone, AppError WRITE_FAILED */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (text === '') return;
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      if (!error) resolve();
      else reject(systemCode(error) === 'EPIPE' ? new ReaderGone() : writeFailed('the result', error));
    });
  });
  if (stream.writableNeedDrain) await once(stream, 'drain');
}
