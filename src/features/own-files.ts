// own-files.ts: whether files were written by finch, by how they begin. The names of those beside the rows follow from --out, so that
// another's file may have one of them, such as the labels of birds/ beside birds.npy: --force does not replace that.

import { AppError, systemCode } from '../util/errors.ts';
import { isThere, openRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import type { FeaturePaths } from './paths.ts';
import { ERROR_COLUMNS, MANIFEST_COLUMNS } from './writer.ts';

const RECORD = '{"finchFeatures":';

/** Beside a record of finch's, the others are its own, whatever has become of them. @throws AppError USAGE naming the first that finch did not write */
export async function refuseOthersFiles({
  manifest,
  errors,
  record,
}: Partial<Pick<FeaturePaths, 'manifest' | 'errors' | 'record'>>): Promise<void> {
  if (record !== undefined && (await isThere(record)) && (await beginsWith(record, RECORD))) return;
  const beginnings = [
    [manifest, MANIFEST_COLUMNS.join(',')],
    [errors, ERROR_COLUMNS.join(',')],
    [record, RECORD],
  ] as const;
  for (const [file, beginning] of beginnings) {
    if (file === undefined || (await beginsWith(file, beginning))) continue;
    throw new AppError('USAGE', `${quoted(file)} does not begin as finch writes it, and would be replaced; move it away, or choose another --out`); // prettier-ignore
  }
}

/** More of a file than its beginning, where it was indented otherwise. */
const HEAD_BYTES = 256;

/** @param beginning without blanks, which do not count. @returns true also for what is not there, and for what is empty or broke off */
export async function beginsWith(file: string, beginning: string): Promise<boolean> {
  const opened = await openRegularFile(file).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!opened) return true;
  const { handle } = opened;
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await handle.read(head, 0, head.length, 0).finally(() => handle.close());
  const begun = head.toString('latin1', 0, bytesRead).replaceAll(/\s+/g, '');
  return beginning.startsWith(begun.slice(0, beginning.length));
}
