// alone.ts: flags that turn a command into another one, such as `--undo`. Few of the command's other flags mean something then.

import { AppError } from '../util/errors.ts';
import { flagName } from './belongs.ts';

/** Names of the flags that the user wrote, in camelCase; the others have their defaults. */
export type GivenNames = ReadonlySet<string>;

interface Alone {
  /** In camelCase. */
  readonly flag: string;
  /** What the command does then, for the message. */
  readonly does: string;
  /** The flags that mean something beside it. */
  readonly takes: readonly string[];
}

/** @throws AppError USAGE naming the first flag that would be ignored */
export function refuseOthers(given: GivenNames, { flag, does, takes }: Alone): void {
  const ignored = [...given].find((name) => name !== flag && !takes.includes(name));
  if (ignored === undefined) return;
  throw new AppError('USAGE', `${flagName(flag)} ${does}, and ${flagName(ignored)} means nothing there; leave one of them out`); // prettier-ignore
}
