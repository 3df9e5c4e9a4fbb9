// submit.ts: puts the shards of a manifest into the queue. The same submission again adds only those that are not in it.

import { openClassifyModel, openFeaturesModel, type ShardModel } from '../api/sharding/shard-model.ts';
import { throwIfAborted, type Work } from '../api/work.ts';
import type { SubmitConfig } from '../config/queue.ts';
import { openManifest, picturesIn, type Manifest } from '../shards/manifest.ts';
import { packageVersion } from '../util/package.ts';
import { withQueue } from './connection.ts';
import { jobId, shardWork, submissionId, submissionOf, type ShardWork, type Submission } from './job.ts';

/** Shards that are sent together. */
const SENT_AT_ONCE = 1000;
/** Before a shard is tried again; each time twice as long. */
const BACKOFF_MS = 5000;

export interface Submitted {
  readonly shards: number;
  readonly pictures: number;
  /** Shards that were not in the queue before. */
  readonly added: number;
}

/** @throws AppError when the manifest, the model or the server is missing or wrong: before anything is in the queue */
export async function submitShards(config: SubmitConfig, work: Work): Promise<Submitted> {
  const manifest = await openManifest(config.manifest);
  try {
    // Flags that are wrong are told without a server.
    const planned = plannedShard(config, manifest);
    return await withQueue(config.place, work, async ({ queue }) => {
      const submission = await submissionFor(planned, work);
      const before = await queue.getJobCountByTypes();
      const { shards, pictures } = manifest;
      const id = submissionId(submission);
      const { attempts } = config;
      for (let first = 0; first < shards; first += SENT_AT_ONCE) {
        throwIfAborted(work);
        const count = Math.min(SENT_AT_ONCE, shards - first);
        const jobs = Array.from({ length: count }, (_, i) => {
          const index = first + i;
          const data = { ...submission, index, count: shards, pictures: picturesIn(manifest, index) };
          const backoff = { type: 'exponential', delay: BACKOFF_MS };
          return { name: submission.task, data, opts: { jobId: jobId(id, index), attempts, backoff, stackTraceLimit: 0 } }; // prettier-ignore
        });
        await queue.addBulk(jobs);
        const done = first + count;
        work.progress({ task: 'submit', done, total: shards, text: `${done} of ${shards} shards` });
      }
      return { shards, pictures, added: (await queue.getJobCountByTypes()) - before };
    });
  } finally {
    await manifest.close();
  }
}

interface PlannedShard {
  /** What is submitted, but for the model's facts. */
  readonly draft: Submission;
  /** The first shard's. */
  readonly shard: ShardWork;
}

/** @throws AppError USAGE */
function plannedShard({ task, flags, out, ...config }: SubmitConfig, manifest: Manifest): PlannedShard {
  const { seal, shards, pictures } = manifest;
  const draft = submissionOf({ task, flags, finch: packageVersion(), manifest: config.manifest, seal, out, modelHash: '', precision: '' }); // prettier-ignore
  return { draft, shard: shardWork({ ...draft, index: 0, count: shards, pictures }) };
}

async function submissionFor({ draft, shard }: PlannedShard, work: Work): Promise<Submission> {
  const model = await openShardModel(shard, work);
  await model.close();
  const { weights, precision } = model.identity;
  return { ...draft, modelHash: weights, precision };
}

/** Opens the model of a shard's work. @throws AppError when it is missing, or its settings are wrong */
export function openShardModel(shard: ShardWork, work: Work): Promise<ShardModel> {
  return shard.task === 'features' ? openFeaturesModel(shard.config, work) : openClassifyModel(shard.config, work); // prettier-ignore
}
