// job.ts: one shard's work as it lies in the queue. It comes from outside, so it is checked before it is used: a flag that is not named
// here does not reach a worker's commands.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ClassifyFlags } from '../config/classify.ts';
import type { WorkerConfig } from '../config/queue.ts';
import type { ExtractFlags } from '../config/features.ts';
import {
  classifyShardConfig,
  extractShardConfig,
  type ClassifyShardConfig,
  type ExtractShardConfig,
} from '../config/shards.ts';
import { checkedAs } from '../util/checked.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;

/** Of a path or a value of a flag, in characters; what is longer is no work of finch's. */
const text = z.string().max(16_384);
const optional = text.exactOptional();
const flag = z.boolean().exactOptional();

const INFERENCE_FLAGS = {
  model: text,
  device: optional,
  engine: optional,
  batchSize: optional,
  threads: optional,
  minSide: optional,
  crop: optional,
  resizeMode: optional,
  interpolation: optional,
  mean: optional,
  std: optional,
  exif: z.boolean(),
  maxPixels: optional,
  offline: flag,
};

/** The flags that a task takes from the queue. */
const TASK_FLAGS = {
  features: z.object({
    ...INFERENCE_FLAGS,
    layer: z.array(text).exactOptional(),
    pool: text,
    normalize: flag,
    dtype: text,
    precision: optional,
    cache: z.boolean(),
  }),
  classify: z.object({
    ...INFERENCE_FLAGS,
    topk: optional,
    labels: optional,
    classes: optional,
    threshold: text,
    unknown: optional,
    unknownRate: optional,
  }),
};

const WORK = {
  version: z.literal(VERSION),
  /** The version of finch that submitted it, which is the one that may do it. */
  finch: text,
  /** The hash of the model, which has to be the worker's too. */
  modelHash: text,
  /** What it runs with: float32, or its file of 8-bit numbers. A fleet of both would mix two kinds of rows. */
  precision: text,
  manifest: text,
  /** The hash of the manifest. */
  seal: text,
  out: text,
};
const SUBMISSION = z.discriminatedUnion('task', [
  z.object({ ...WORK, task: z.literal('features'), flags: TASK_FLAGS.features }),
  z.object({ ...WORK, task: z.literal('classify'), flags: TASK_FLAGS.classify }),
]);

/** What all shards of one submission share. */
export type Submission = Readonly<z.output<typeof SUBMISSION>>;

const PLACE = z.object({ index: z.int().nonnegative(), count: z.int().positive(), pictures: z.int().nonnegative() }); // prettier-ignore

/** One shard of it, and how many pictures that has. */
export type QueuedShard = Submission & Readonly<z.output<typeof PLACE>>;

const DONE = z.object({ pictures: z.int().nonnegative(), failed: z.int().nonnegative(), wasThere: z.boolean() }); // prettier-ignore

/** What a worker says of a shard that is done. */
export type DoneShard = Readonly<z.output<typeof DONE>>;

/** @throws AppError FILE_INVALID for flags that no command line can have */
export function submissionOf(
  given: Omit<Submission, 'version' | 'flags'> & { readonly flags: object },
): Submission {
  return checkedAs(SUBMISSION, { version: VERSION, ...given }, { file: 'the submission', writer: 'finch queue submit' }); // prettier-ignore
}

/** The same submission has the same one, so that it cannot be in the queue twice. */
export function submissionId(submission: Submission): string {
  return createHash('sha256').update(JSON.stringify(submission)).digest('hex').slice(0, 16);
}

/** The version of finch that a job is for, whatever else is in it. */
export function versionOf(data: unknown): string | undefined {
  return z.object({ finch: text }).safeParse(data).data?.finch;
}

/** @param name of the job, for the message. @throws AppError FILE_INVALID for what finch did not submit */
export function readShard(data: unknown, name: string): QueuedShard {
  const source = { file: `the shard ${name} in the queue`, writer: 'finch queue submit' };
  return { ...checkedAs(SUBMISSION, data, source), ...checkedAs(PLACE, data, source) };
}

/** Undefined for what no worker of this version says. */
export const readDone = (value: unknown): DoneShard | undefined => DONE.safeParse(value).data;

/** Which shard a job is, for people, by its id, which is not of finch's making where the job is not. */
export function jobLabel(id = ''): string {
  const last = id.slice(id.lastIndexOf('-') + 1);
  if (last === 'page') return "a sweep's results";
  return `${/-run-\d+$/.test(id) ? 'run' : 'shard'} ${last}`;
}

/** The id of a shard's job. */
export const jobId = (submission: string, index: number) => `${submission}-${index}`;

/** `17/120` */
export const shardLabel = ({ index, count }: Pick<QueuedShard, 'index' | 'count'>) => `${index}/${count}`;

export type ShardWork =
  | { readonly task: 'features'; readonly config: ExtractShardConfig }
  | { readonly task: 'classify'; readonly config: ClassifyShardConfig };

/** The work as the command line would have it. @param own what this worker says itself. @throws AppError USAGE */
export function shardWork(shard: QueuedShard, own: WorkerConfig['own'] = {}): ShardWork {
  const { manifest, out, seal } = shard;
  const place = { manifest, out, shard: shardLabel(shard), ...own };
  const sealed = <Config extends ExtractShardConfig | ClassifyShardConfig>(config: Config): Config => ({
    ...config,
    task: { ...config.task, seal },
  });
  switch (shard.task) {
    case 'features': {
      const flags: ExtractFlags = { ...shard.flags, ...place };
      return { task: 'features', config: sealed(extractShardConfig([], flags)) };
    }
    case 'classify': {
      const flags: ClassifyFlags = { ...shard.flags, ...place };
      return { task: 'classify', config: sealed(classifyShardConfig([], flags)) };
    }
    default:
      return shard satisfies never;
  }
}
