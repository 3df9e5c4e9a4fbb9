// model-place.ts: the folder that a model is to be written into: what may be there already, and one process at a time in it.

import path from 'node:path';
import { refuseOtherContent } from '../../artefact/exchange.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, makeFolder } from '../../util/files.ts';
import { withFileLock } from '../../util/lock.ts';
import { checkOutputFolder, type Output } from '../../util/outputs.ts';
import { quoted } from '../../util/quoted.ts';

export interface ModelPlace {
  /** The folder, and the flag that named it. */
  readonly output: Output;
  readonly force: boolean;
  /** What else the user may do where something is there already: `choose another --out`. */
  readonly otherwise: string;
  /** Files beside the model that finch has written into the folder, and that may be replaced too. */
  readonly beside?: (folder: string) => Promise<readonly string[]>;
}

/** The name, if it can be a folder's. @throws AppError USAGE */
export function checkModelName(name: string): string {
  if (/^[\w.-]+$/.test(name) && !name.startsWith('.')) return name;
  throw new AppError('USAGE', `--name must be of letters, digits, '_', '-' and '.', received ${quoted(name)}`);
}

/** @throws AppError USAGE where something is there that may not be replaced, WRITE_FAILED where nothing can be written */
export async function checkModelPlace({ output, force, otherwise, beside }: ModelPlace): Promise<void> {
  if (!force && (await isThere(output.file))) {
    throw new AppError('USAGE', `${output.file} is there already; ${otherwise}, or replace it with --force`);
  }
  await refuseOtherContent(output.file, await beside?.(output.file));
  await checkOutputFolder(output);
}

/** Runs `write` while no other process writes a model there; checks again what is there, once it is this process' turn. */
export async function inModelPlace<T>(
  place: ModelPlace,
  write: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const folder = path.resolve(place.output.file);
  await makeFolder(path.dirname(folder));
  const action = async () => {
    await checkModelPlace(place);
    return write();
  };
  return withFileLock(folder, action, { signal });
}
