// queue.ts: what the user wrote -> the configuration of `finch queue …` and of `finch worker`.

import { availableParallelism } from 'node:os';
import { AppError } from '../util/errors.ts';
import type { GivenNames } from './alone.ts';
import { flagName } from './belongs.ts';
import type { ClassifyFlags } from './classify.ts';
import type { ExtractFlags } from './features.ts';
import { BATCH_SIZE_RULE, THREADS_RULE } from './inference.ts';
import { numberOr, parseChoice, parseNumber } from './parse.ts';
import { queuePlace, type QueuePlace, type RedisFlags } from './redis.ts';

const QUEUE_TASKS = ['features', 'classify'] as const;
type QueueTask = (typeof QUEUE_TASKS)[number];

/** Of extract-features and of classify, as commander hands them over. */
type TaskFlags = Omit<ExtractFlags, 'format' | 'manifest' | 'shard'> & Pick<ClassifyFlags, 'topk' | 'labels' | 'classes' | 'threshold' | 'unknown' | 'unknownRate'>; // prettier-ignore

export interface SubmitFlags extends RedisFlags, TaskFlags {
  readonly task: string;
  readonly attempts: string;
}

export interface SubmitConfig {
  readonly place: QueuePlace;
  readonly task: QueueTask;
  readonly manifest: string;
  readonly out: string;
  /** How often a shard is tried before it is left as failed. */
  readonly attempts: number;
  readonly flags: TaskFlags;
}

/** Flags that only one of the tasks has. */
const ONLY_OF: Readonly<Record<QueueTask, readonly (keyof TaskFlags)[]>> = {
  features: ['layer', 'pool', 'normalize', 'dtype', 'cache'],
  classify: ['topk', 'labels', 'classes', 'threshold', 'unknown', 'unknownRate'],
};

const MAX_ATTEMPTS = 100;

/** @param given names of the flags that the user wrote; the others have their defaults. @throws AppError USAGE */
export function submitConfig(
  manifest: string,
  { given, ...flags }: SubmitFlags & { readonly given: GivenNames },
  env: NodeJS.ProcessEnv,
): SubmitConfig {
  const { out, attempts } = flags;
  const task = parseChoice(flags.task, '--task', QUEUE_TASKS);
  const other = task === 'features' ? 'classify' : 'features';
  const foreign = ONLY_OF[other].find((name) => given.has(name));
  if (foreign !== undefined) throw new AppError('USAGE', `${flagName(foreign)} belongs to --task ${other}, received --task ${task}; leave one of them out`); // prettier-ignore
  if (out === undefined) throw new AppError('USAGE', 'queue submit needs --out DIR, the folder that the workers write shards into'); // prettier-ignore
  return {
    place: queuePlace(flags, env),
    task,
    manifest,
    out,
    attempts: parseNumber(attempts, { flag: '--attempts', min: 1, max: MAX_ATTEMPTS, whole: true }),
    flags,
  };
}

export interface WorkerFlags extends RedisFlags {
  readonly concurrency: string;
  readonly threads?: string;
  readonly batchSize?: string;
  readonly offline?: boolean;
  readonly grace: string;
  readonly stalledAfter: string;
  readonly untilDone?: boolean;
}

export interface WorkerConfig {
  readonly place: QueuePlace;
  /** Shards at a time. */
  readonly concurrency: number;
  /** What this machine says, whatever was submitted; it changes no result. */
  readonly own: Pick<WorkerFlags, 'threads' | 'batchSize' | 'offline'>;
  /** How long a shard under way may take to its end when the worker is told to stop, in milliseconds. */
  readonly grace: number;
  /** How long a worker may be silent before its shards are given to others, in milliseconds. */
  readonly stalledAfter: number;
  /** Ends when every shard is done or has failed. */
  readonly untilDone: boolean;
}

/** Each shard at a time has a model and decoding threads of its own. */
const MAX_CONCURRENCY = 64;
const DAY_SECONDS = 86_400;

/** @throws AppError USAGE */
export function workerConfig(flags: WorkerFlags, env: NodeJS.ProcessEnv): WorkerConfig {
  const { batchSize, offline, untilDone = false } = flags;
  const concurrency = parseNumber(flags.concurrency, { flag: '--concurrency', min: 1, max: MAX_CONCURRENCY, whole: true }); // prettier-ignore
  // Every shard would fail with them.
  numberOr(batchSize, 1, BATCH_SIZE_RULE);
  numberOr(flags.threads, 1, THREADS_RULE);
  // Shards at the same time share the cores.
  const threads = flags.threads ?? (concurrency > 1 ? `${Math.max(1, Math.floor(availableParallelism() / concurrency))}` : undefined); // prettier-ignore
  const seconds = (text: string, flag: string, min: number) =>
    1000 * parseNumber(text, { flag, min, max: DAY_SECONDS });
  return {
    place: queuePlace(flags, env),
    concurrency,
    own: {
      ...(threads !== undefined && { threads }),
      ...(batchSize !== undefined && { batchSize }),
      ...(offline && { offline }),
    },
    grace: seconds(flags.grace, '--grace', 0),
    stalledAfter: seconds(flags.stalledAfter, '--stalled-after', 1),
    untilDone,
  };
}
