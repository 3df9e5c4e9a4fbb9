// own-files.ts: whether the files beside the rows were written by finch. Their names follow from --out, so that another's file may have
// one of them, such as the labels of birds/ beside birds.npy: --force does not replace that.

import { AppError, systemCode } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import type { FeaturePaths } from './paths.ts';
import { ERROR_COLUMNS, MANIFEST_COLUMNS } from './writer.ts';

/** @throws AppError USAGE naming the first that finch did not write */
export async function refuseForeign({
  manifest,
  errors,
  record,
}: Partial<Pick<FeaturePaths, 'manifest' | 'errors' | 'record'>>): Promise<void> {
  const beginnings = [
    [manifest, MANIFEST_COLUMNS.join(',')],
    [errors, ERROR_COLUMNS.join(',')],
    [record, '{\n  "finchFeatures":'],
  ] as const;
  for (const [file, beginning] of beginnings) {
    if (file === undefined || (await beginsWith(file, beginning))) continue;
    throw new AppError('USAGE', `${quoted(file)} is not finch's, and --force would replace it too; choose another --out`); // prettier-ignore
  }
}

/** True also for what is not there, and for what is empty or broke off. */
async function beginsWith(file: string, beginning: string): Promise<boolean> {
  const opened = await openRegularFile(file).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!opened) return true;
  const { handle } = opened;
  const head = Buffer.alloc(beginning.length);
  const { bytesRead } = await handle.read(head, 0, head.length, 0).finally(() => handle.close());
  return beginning.startsWith(head.toString('latin1', 0, bytesRead));
}
