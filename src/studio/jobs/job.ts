// job.ts: a job in a process of its own: begun, told to stop, and what it says.

import { fork } from 'node:child_process';
import type { Progress } from '../../api/work.ts';
import { AppError } from '../../util/errors.ts';
import type { Asked, JobAnswer, JobName } from './jobs.ts';
import type { FromJob, ToJob } from './messages.ts';

export interface JobListeners {
  readonly onNote?: (text: string) => void;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Job<Answer> {
  /** @throws AppError INTERRUPTED once it was stopped; what the job throws; OUT_OF_MEMORY where the process was killed */
  readonly answer: Promise<Answer>;
  /** Ends it as Ctrl-C does. */
  stop(): void;
}

export function startJob<Name extends JobName>(
  job: Name,
  asked: Asked<Name>,
  { onNote, onProgress }: JobListeners = {},
): Job<JobAnswer<Name>> {
  const child = fork(new URL('./job-process.js', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  const send = (message: ToJob) => {
    if (child.connected) child.send(message, () => {});
  };
  const answer = new Promise<JobAnswer<Name>>((resolve, reject) => {
    child.on('message', (message: FromJob) => {
      if ('note' in message) onNote?.(message.note);
      else if ('progress' in message) onProgress?.(message.progress);
      else if ('answer' in message) resolve(message.answer as JobAnswer<Name>);
      else reject(errorOf(message.error));
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => reject(endedEarly(code, signal)));
  });
  answer.catch(() => {}); // told to whoever waits for it
  send({ job, asked });
  return { answer, stop: () => send({ stop: true }) };
}

const errorOf = ({
  code,
  message,
}: {
  readonly code: AppError['code'] | undefined;
  readonly message: string;
}) => (code ? new AppError(code, message) : new Error(message));

function endedEarly(code: number | null, signal: NodeJS.Signals | null): AppError {
  return new AppError('OUT_OF_MEMORY', `the work ended early (${signal ?? `exit code ${code}`}); often memory did not suffice`); // prettier-ignore
}
