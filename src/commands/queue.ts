// queue.ts: `finch queue …` and `finch worker`: says on stderr what was done, and prints how far a queue is.

import type { SubmitConfig, WorkerConfig } from '../config/queue.ts';
import type { QueuePlace } from '../config/redis.ts';
import { clearQueue, pauseQueue, resumeQueue, retryFailed } from '../queue/control.ts';
import { queueStatus } from '../queue/status.ts';
import { submitShards } from '../queue/submit.ts';
import { runWorker } from '../queue/worker.ts';
import { queueJson, queueText } from '../report/queue.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

const counted = (count: number) => `${count} ${count === 1 ? 'shard' : 'shards'}`;

export async function submit(config: SubmitConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { shards, pictures, added } = await submitShards(config, work).finally(() => work.clear());
  const before = shards - added;
  const there = before > 0 ? `, ${before} of which were in it before (finch queue status says how they are, finch queue clear forgets them)` : ''; // prettier-ignore
  work.note(`${counted(shards)} of ${pictures} pictures are in the queue ${config.place.queue} on ${config.place.shown}${there}`); // prettier-ignore
  return ExitCode.ok;
}

export async function worker(config: WorkerConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const { done, failed } = await runWorker(config, work).finally(() => work.clear());
  work.note(`this worker did ${counted(done)}`);
  if (failed > 0) work.note(`${counted(failed)} failed; finch queue status says why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}

export async function status(place: QueuePlace, format: string, output: Output): Promise<ExitCodeValue> {
  const status = await queueStatus(place, terminalWork(output), Date.now());
  await write(output.stdout, format === 'json' ? queueJson(status) : queueText(status, terminalColumns(output.stdout))); // prettier-ignore
  return ExitCode.ok;
}

export async function pause(place: QueuePlace, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  await pauseQueue(place, work);
  work.note(`${place.queue} is paused: shards under way are finished, others wait for finch queue resume`);
  return ExitCode.ok;
}

export async function resume(place: QueuePlace, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  await resumeQueue(place, work);
  work.note(`${place.queue} goes on`);
  return ExitCode.ok;
}

export async function retry(place: QueuePlace, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  work.note(`${counted(await retryFailed(place, work))} will be tried again`);
  return ExitCode.ok;
}

export async function clear(place: QueuePlace, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  work.note(`${counted(await clearQueue(place, work))} taken out of ${place.queue}; files stay as they are`);
  return ExitCode.ok;
}
