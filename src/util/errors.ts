// errors.ts: the one kind of error a user is meant to read. Anything else that is thrown is a bug.

import { printable } from './quoted.ts';

/** How a process ends; cli.md promises these numbers to scripts. */
export const ExitCode = {
  ok: 0,
  /** Finished, but some inputs failed. */
  partial: 1,
  /** The command was called wrongly. */
  usage: 2,
  /** A model, engine, device or dataset that was asked for is not there. */
  missing: 3,
  /** Interrupted; what could be saved is saved. */
  interrupted: 130,
} as const;

export type ExitCodeValue = (typeof ExitCode)[keyof typeof ExitCode];

/** Exit code of each error code: the table that commands and tests share. */
const EXIT_CODES = {
  USAGE: ExitCode.usage,
  INPUT_NOT_FOUND: ExitCode.partial,
  INPUT_EMPTY: ExitCode.partial,
  INPUT_CHANGED: ExitCode.partial,
  IMAGE_UNREADABLE: ExitCode.partial,
  IMAGE_TOO_LARGE: ExitCode.partial,
  IMAGE_TOO_SLOW: ExitCode.partial,
  LABELS_INVALID: ExitCode.usage,
  DATASET_NOT_FOUND: ExitCode.missing,
  DATASET_INVALID: ExitCode.missing,
  MODEL_NOT_FOUND: ExitCode.missing,
  MODEL_INVALID: ExitCode.missing,
  MODEL_MISMATCH: ExitCode.missing,
  MODEL_UNSUPPORTED: ExitCode.missing,
  FILE_INVALID: ExitCode.missing,
  FILE_UNSAFE: ExitCode.missing,
  ENGINE_UNAVAILABLE: ExitCode.missing,
  CHECKPOINT_INVALID: ExitCode.missing,
  OUT_OF_MEMORY: ExitCode.missing,
  TRAINING_DIVERGED: ExitCode.partial,
  DOWNLOAD_FAILED: ExitCode.missing,
  WRITE_FAILED: ExitCode.missing,
  QUEUE_UNAVAILABLE: ExitCode.missing,
  DATABASE_UNAVAILABLE: ExitCode.missing,
  INTERRUPTED: ExitCode.interrupted,
} as const satisfies Record<string, ExitCodeValue>;

export type ErrorCode = keyof typeof EXIT_CODES;

/**
 * An error whose message is one line for the user: what, received, expected, next step.
 * It is printed without a stack unless `--debug` is given; `cause` keeps what was underneath.
 * Control characters are escaped here; how much is quoted from outside, `quoted` bounds where the message is made.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: ExitCodeValue;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(printable(message), options);
    // The library exports the class under this name.
    this.name = 'FinchError';
    this.code = code;
    this.exitCode = EXIT_CODES[code];
  }
}

/** The message of anything that can be thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return printable(text.replace(/\s*\n\s*/g, ' ').trim());
}

/** Why a file or folder could not be opened: in these words where it is not there, else in the system's. */
export function openingProblem(thrown: unknown, ifMissing: string): string {
  const code = systemCode(thrown);
  if (code === 'ENOTDIR') return 'a file stands where a folder is expected';
  return code === 'ENOENT' ? ifMissing : messageOf(thrown);
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC` …), if it is one. */
export function systemCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
