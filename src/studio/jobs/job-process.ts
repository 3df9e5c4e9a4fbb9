// job-process.ts: the process that job.ts starts: it does one job, and saves what can be saved when it is told to stop, or when the
// studio is gone. Nothing else imports it.

import type { Progress } from '../../api/work.ts';
import { AppError, messageOf } from '../../util/errors.ts';
import { JOBS, type JobName } from './jobs.ts';
import type { FromJob, ToJob } from './messages.ts';

/** Progress is told this often, in milliseconds. */
const TELL_MS = 200;

const stop = new AbortController();
let told = 0;

const tell = (message: FromJob) => {
  if (process.connected) process.send!(message);
};

function tellProgress(progress: Progress): void {
  const now = performance.now();
  if (now - told < TELL_MS && progress.done !== progress.total) return;
  told = now;
  tell({ progress });
}

async function run(job: JobName, asked: never): Promise<void> {
  const work = { signal: stop.signal, onNote: (note: string) => tell({ note }), onProgress: tellProgress };
  try {
    tell({ answer: await JOBS[job](asked, work) });
  } catch (error) {
    const code = error instanceof AppError ? error.code : undefined;
    if (!code) console.error(error);
    tell({ error: { code, message: messageOf(error) } });
  }
  if (process.connected) process.disconnect();
}

process.on('message', (message: ToJob) => {
  if ('stop' in message) stop.abort();
  else void run(message.job as JobName, message.asked as never);
});
process.on('disconnect', () => stop.abort());
// Ctrl-C in a terminal comes to both processes: the studio says what to do.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
