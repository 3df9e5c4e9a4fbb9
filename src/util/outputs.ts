// outputs.ts: checks of the files that a command is to write, made before its work: that they can be written, and that none of them
// is among the files it reads. Writes nothing.

import { constants, type PathLike } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, systemCode } from './errors.ts';
import { kindOf, writeFailed } from './files.ts';
import { quoted } from './quoted.ts';
import { mapOrdered } from './streams.ts';

/** A file or folder to be written, and the flag that named it. */
export interface Output {
  readonly flag: string;
  readonly file: string;
}

const named = ({ flag, file }: Output) => `${flag} ${quoted(file)}`;

/**
 * Checks that each is a new file, or a regular one, in a folder that can be written, and that no two are the same.
 * @throws AppError WRITE_FAILED, USAGE
 */
export async function checkOutputs(outputs: readonly Output[]): Promise<void> {
  const seen = new Map<string, Output>();
  for (const output of outputs) {
    const twin = seen.get(path.resolve(output.file));
    if (twin) {
      throw new AppError(
        'USAGE',
        `${twin.flag} and ${named(output)} are one file; choose another for one of them`,
      );
    }
    seen.set(path.resolve(output.file), output);
    await checking(output, async () => {
      const found = await stat(output.file).catch(undefinedIfMissing);
      if (found && !found.isFile()) throw taken(output, kindOf(found));
      await checkWritable(path.dirname(output.file));
    });
  }
}

/** Checks that a folder is there and can be written, or that it can be made. @throws AppError WRITE_FAILED */
export async function checkOutputFolder(output: Output): Promise<void> {
  await checking(output, async () => {
    const found = await stat(output.file).catch(undefinedIfMissing);
    if (found && !found.isDirectory()) throw taken(output, found.isFile() ? 'a file' : kindOf(found));
    let nearest = path.resolve(output.file);
    while (path.dirname(nearest) !== nearest && !(await stat(nearest).catch(undefinedIfMissing))) {
      nearest = path.dirname(nearest);
    }
    await checkWritable(nearest);
  });
}

async function checking(output: Output, check: () => Promise<void>): Promise<void> {
  await check().catch((error: unknown) => {
    throw writeFailed(named(output), error);
  });
}

function taken(output: Output, kind: string): AppError {
  return new AppError('WRITE_FAILED', `cannot write ${named(output)}: ${kind} has that name; choose another`);
}

function undefinedIfMissing(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
}

async function checkWritable(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw Object.assign(new Error(folder), { code: 'ENOTDIR' });
  await access(folder, constants.W_OK | constants.X_OK);
}

/** Inputs that are looked at together. */
const AHEAD = 32;

/** The outputs that are there already, by what they lead to. */
type Present = ReadonlyMap<string, Output>;

async function presentOf(outputs: readonly Output[]): Promise<Present> {
  const present = new Map<string, Output>();
  for (const output of outputs) {
    const identity = await identityOf(output.file);
    if (identity !== undefined) present.set(identity, output);
  }
  return present;
}

/**
 * Checks that no input is one of the outputs, under whatever name or link. The inputs are looked through only when an output is
 * there already: what is not there cannot be one.
 * @throws AppError USAGE
 */
export async function refuseOverwriting(
  outputs: readonly Output[],
  inputs: AsyncIterable<PathLike>,
): Promise<void> {
  const present = await presentOf(outputs);
  if (present.size === 0) return;
  const clashes = mapOrdered(inputs, AHEAD, (input) => clashOf(input, present));
  for await (const clash of clashes) if (clash) throw clash;
}

/**
 * The same for inputs that come one at a time, such as a list on stdin: each is checked when it comes.
 * @param pathOf the file that an input is read from, if there is one
 */
export async function* notOverwritten<T>(
  inputs: AsyncIterable<T>,
  outputs: readonly Output[],
  pathOf: (input: T) => PathLike | undefined,
): AsyncGenerator<T, void, undefined> {
  const present = await presentOf(outputs);
  for await (const input of inputs) {
    const file = pathOf(input);
    const clash = file !== undefined && present.size > 0 && (await clashOf(file, present));
    if (clash) throw clash;
    yield input;
  }
}

async function clashOf(input: PathLike, present: Present): Promise<AppError | undefined> {
  const identity = await identityOf(input);
  const output = identity === undefined ? undefined : present.get(identity);
  if (!output) return undefined;
  const as = String(input) === output.file ? '' : ` (as ${quoted(String(input))})`;
  return new AppError(
    'USAGE',
    `${named(output)} is also read${as} and would be lost; choose another name for what is written`,
  );
}

/** Device and number of the file that a path leads to: the same for all its names. Undefined where there is none. */
async function identityOf(file: PathLike): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
