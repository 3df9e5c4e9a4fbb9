// messages.ts: what a job's process and the studio say to each other.

import type { Progress } from '../../api/work.ts';
import type { ErrorCode } from '../../util/errors.ts';

export type ToJob = { readonly job: string; readonly asked: unknown } | { readonly stop: true };

export type FromJob =
  | { readonly note: string }
  | { readonly progress: Progress }
  | { readonly answer: unknown }
  | { readonly error: { readonly code: ErrorCode | undefined; readonly message: string } };
