// not-here.ts: the error of a model that is not on this machine, where none may be fetched.

import { AppError } from '../util/errors.ts';

/** Whether a model that is not on this machine may be fetched. */
export interface FetchRule {
  /** The user gave `--offline`. */
  readonly offline: boolean;
  /** The command fetches nothing, whatever its flags: it describes or checks what is here. */
  readonly onlyHere?: boolean | undefined;
}

/** @param name as `finch models pull` takes it */
export function notHere(name: string, { offline }: FetchRule): AppError {
  const why = offline ? ' and --offline was given' : '';
  return new AppError(
    'MODEL_NOT_FOUND',
    `${name} is not on this machine${why}; fetch it with: finch models pull ${name}`,
  );
}
