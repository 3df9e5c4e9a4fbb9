// fitness.ts: whether this worker may do a shard: by its version of finch and by its model, looked at before any work. Another version
// or model would write other bytes. And whether it may make a run of a sweep: by its version, and by what lies on its machine.

import type { ShardModel } from '../api/sharding/shard-model.ts';
import type { Work } from '../api/work.ts';
import type { WorkerConfig } from '../config/queue.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { readShard, shardWork, versionOf, type QueuedShard } from './job.ts';
import { openShardModel } from './submit.ts';
import { isSweepWork, readSweepWork } from './sweep-job.ts';
import { openSweepWork, type FailedChildren } from './sweep-work.ts';

/** A shard that cannot be done by any worker, because it is not as finch submits one. */
export class UnusableShard extends AppError {}

/** Work that this worker may do. */
type OpenedWork = Pick<ShardModel, 'run' | 'close'>;

export interface Fitness {
  /**
   * Opens what a job needs for its work, if this worker may do it.
   * @param name of the job, for messages. @param failed the runs of a sweep that failed, for its page
   * @throws UnusableShard; AppError QUEUE_UNAVAILABLE, MODEL_MISMATCH, MODEL_NOT_FOUND …: this worker is not for it
   */
  open(data: unknown, name: string, failed?: FailedChildren): Promise<OpenedWork>;
}

/** @param version of this finch */
export function fitnessOf(own: WorkerConfig['own'], version: string, work: Work): Fitness {
  return {
    async open(data, name, failed = async () => ({})) {
      const wanted = versionOf(data);
      if (wanted !== undefined && wanted !== version) {
        throw new AppError('QUEUE_UNAVAILABLE', `this worker is finch ${version}, and the shards in the queue are for ${quoted(wanted, 40)}: other versions may write other bytes; install that one here, or submit again with this one`); // prettier-ignore
      }
      if (isSweepWork(data)) {
        return openSweepWork(
          usable(() => readSweepWork(data, name)),
          { own, failed },
          work,
        );
      }
      const { shard, todo } = usable(() => {
        const shard = readShard(data, name);
        return { shard, todo: shardWork(shard, own) };
      });
      // Every time: the model may be replaced while a worker lives.
      const model = await openShardModel(todo, work);
      const difference = differenceOf(shard, model);
      if (difference === undefined) return model;
      await model.close();
      throw new AppError('MODEL_MISMATCH', `--model ${quoted(shard.flags.model)} on this machine ${difference}`); // prettier-ignore
    },
  };
}

function differenceOf({ modelHash, precision }: QueuedShard, { identity }: ShardModel): string | undefined {
  if (identity.weights !== modelHash) return 'is not the model that the shards in the queue are for: its weights differ; copy that model here, or submit again'; // prettier-ignore
  if (identity.precision === precision) return undefined;
  return `runs with ${identity.precision}, and the shards in the queue are for ${quoted(precision)}: their numbers differ; take machines with the same processors, or rows of --precision float32`; // prettier-ignore
}

/** @throws UnusableShard in place of an error in what the queue has */
function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError) throw new UnusableShard(error.code, error.message, { cause: error });
    throw error;
  }
}
