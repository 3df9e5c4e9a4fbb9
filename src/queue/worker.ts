// worker.ts: a worker's life: it takes shards out of the queue until it is told to stop, or everything is done. What it cannot finish it
// hands back; what it leaves behind when it is killed, the queue gives to another.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import type { Work } from '../api/work.ts';
import type { WorkerConfig } from '../config/queue.ts';
import { messageOf } from '../util/errors.ts';
import { packageVersion } from '../util/package.ts';
import { quoted } from '../util/quoted.ts';
import { asQueueError, connect, type Connection } from './connection.ts';
import { countsOf } from './counts.ts';
import { fitnessOf, UnusableShard } from './fitness.ts';
import { jobLabel } from './job.ts';
import { stopWorker } from './stop.ts';
import { taker } from './take.ts';

/** A shard that was lost with its worker so often may be what ends workers: it is left as failed. */
const MAX_LOST = 10;
/** Before the server is asked again after it has gone away. BullMQ's own 15 s are long where a server only starts again. */
const RETRY_MS = 2000;
/** Between two looks at whether everything is done. */
const LOOK_MS = 1000;

export interface WorkerRun {
  /** Shards that this worker did, those that were there already among them. */
  readonly done: number;
  /** Shards in the queue that are left as failed. */
  readonly failed: number;
}

/** @throws AppError QUEUE_UNAVAILABLE, MODEL_MISMATCH …: this worker is not for what is in the queue */
export async function runWorker(config: WorkerConfig, work: Work): Promise<WorkerRun> {
  const { place } = config;
  const connection = await connect(place, work, (isAway) => {
    work.note(`${place.shown} ${isAway ? 'is away; this worker waits for it' : 'is there again'}`);
  });
  try {
    return await takeShards(config, connection, work);
  } catch (error) {
    throw asQueueError(place, error);
  } finally {
    await connection.close();
  }
}

async function takeShards(config: WorkerConfig, connection: Connection, work: Work): Promise<WorkerRun> {
  const { bullMq, queue, options } = connection;
  const { place, concurrency, stalledAfter } = config;
  const giveUp = new AbortController();
  const shardWork = { progress: () => {}, note: onceEach(work), signal: giveUp.signal };
  const fitness = fitnessOf(config.own, packageVersion(), shardWork);
  const [next] = await queue.getWaiting(0, 0);
  // A shard that is not as finch submits it says nothing of this worker; it fails when its turn comes.
  const model = next && (await fitness.open(next.data, `${next.id}`).catch(unlessUnusable));
  await model?.close();

  let [done, underWay] = [0, 0];
  const refused = new AbortController();
  const take = taker({
    bullMq,
    fitness,
    work: shardWork,
    pause: () => worker.pause(true),
    refuse: (reason) => refused.abort(reason),
    onDone({ file, wasThere, pictures, failed }, seconds) {
      done += 1;
      const failures = failed > 0 ? `, ${failed} of which failed` : '';
      const what = pictures > 0 ? `${file}: ${pictures} pictures` : file;
      work.note(wasThere ? `${file} was there and whole` : `${what} in ${seconds.toFixed(1)} s${failures}`);
    },
  });
  const counting = async (job: Job, token?: string) => {
    underWay += 1;
    return take(job, token).finally(() => (underWay -= 1));
  };
  const worker: Worker = new bullMq.Worker(place.queue, counting, {
    ...options,
    autorun: false,
    concurrency,
    lockDuration: stalledAfter,
    stalledInterval: stalledAfter / 2,
    maxStalledCount: MAX_LOST,
    runRetryDelay: RETRY_MS,
  });
  tellOf(worker, connection, work);
  work.note(`finch ${packageVersion()} takes shards of the queue ${place.queue} on ${place.shown}`);
  const running = worker.run();
  const told = AbortSignal.any([work.signal, refused.signal]);
  await Promise.race([
    running,
    told.aborted || once(told, 'abort'),
    ...(config.untilDone ? [everythingDone(connection, told)] : []),
  ]);
  const { grace } = config;
  if (underWay > 0) {
    const how = grace > 0 ? `may be finished within ${grace / 1000} s, then they are handed back` : 'are handed back'; // prettier-ignore
    work.note(`${underWay} under way ${how}`);
  }
  await stopWorker(worker, { connection, giveUp, grace: underWay > 0 ? grace : 0 });
  if (refused.signal.aborted) throw refused.signal.reason;
  return { done, failed: config.untilDone && !work.signal.aborted ? (await countsOf(queue)).failed : 0 };
}

const unlessUnusable = (error: unknown) => {
  if (!(error instanceof UnusableShard)) throw error;
};

/** Remarks on the model and the like are the same for each shard. */
function onceEach(work: Work): Work['note'] {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) work.note(text);
    told.add(text);
  };
}

function tellOf(worker: Worker, { bullMq }: Connection, work: Work): void {
  // That the server is away, the connection says once.
  worker.on('error', (error) => {
    if (bullMq.isNotConnectionError(error)) work.note(quoted(messageOf(error)));
  });
  worker.on('failed', (job, error) => {
    const attempt = job ? `, attempt ${job.attemptsMade} of ${job.opts.attempts ?? 1}` : '';
    work.note(`error: ${jobLabel(job?.id)} failed${attempt}: ${quoted(error.message)}`);
  });
  worker.on('stalled', (id) => work.note(`${jobLabel(id)} is in the queue again: its worker was silent`));
}

/** Every shard is done or has failed, also those that other workers have. Until it is told to stop. */
async function everythingDone({ queue }: Connection, told: AbortSignal): Promise<void> {
  while (!told.aborted) {
    if ((await countsOf(queue)).left === 0) return;
    await delay(LOOK_MS, undefined, { signal: told }).catch(() => {});
  }
}
