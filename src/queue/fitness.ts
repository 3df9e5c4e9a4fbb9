// fitness.ts: whether this worker may do a shard: by its version of finch and by its model, looked at before any work. Another version
// or model would write other bytes.

import type { Work } from '../api/work.ts';
import type { WorkerConfig } from '../config/queue.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { readShard, shardWork, versionOf, type ShardWork } from './job.ts';
import { modelHashOf } from './submit.ts';

/** A shard that cannot be done by any worker, because it is not as finch submits one. */
export class UnusableShard extends AppError {}

export interface Fitness {
  /**
   * The work of a job, if this worker may do it.
   * @param name of the job, for messages
   * @throws UnusableShard; AppError QUEUE_UNAVAILABLE, MODEL_MISMATCH, MODEL_NOT_FOUND …: this worker is not for it
   */
  check(data: unknown, name: string): Promise<ShardWork>;
}

/** @param version of this finch */
export function fitnessOf(own: WorkerConfig['own'], version: string, work: Work): Fitness {
  return {
    async check(data, name) {
      const wanted = versionOf(data);
      if (wanted !== undefined && wanted !== version) {
        throw new AppError('QUEUE_UNAVAILABLE', `this worker is finch ${version}, and the shards in the queue are for ${quoted(wanted, 40)}: other versions may write other bytes; install that one here, or submit again with this one`); // prettier-ignore
      }
      const { shard, todo } = usable(data, name, own);
      // Every time: the model may be replaced while a worker lives.
      if ((await modelHashOf(todo, work)) !== shard.modelHash) {
        throw new AppError('MODEL_MISMATCH', `--model ${quoted(shard.flags.model)} on this machine is not the model that the shards in the queue are for: its weights differ; copy that model here, or submit again`); // prettier-ignore
      }
      return todo;
    },
  };
}

function usable(data: unknown, name: string, own: WorkerConfig['own']) {
  try {
    const shard = readShard(data, name);
    return { shard, todo: shardWork(shard, own) };
  } catch (error) {
    if (error instanceof AppError) throw new UnusableShard(error.code, error.message, { cause: error });
    throw error;
  }
}
