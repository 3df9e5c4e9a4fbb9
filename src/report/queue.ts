// queue.ts: how far a queue is, as text and json. Returns strings, prints nothing.

import { printableJson, quoted } from '../util/quoted.ts';
import { formatRecord, formatTable } from './text-table.ts';

export interface QueueFailure {
  /** `17/120` */
  readonly shard: string;
  readonly attempts: number;
  readonly reason: string;
}

export interface QueueStatus {
  readonly queue: string;
  /** Its address without a password. */
  readonly server: string;
  readonly isPaused: boolean;
  /** Connected now; absent where the server does not say. */
  readonly workers?: number;
  /** Shards and runs of sweeps alike. */
  readonly shards: {
    readonly done: number;
    readonly failed: number;
    readonly active: number;
    readonly waiting: number;
    readonly delayed: number;
  };
  /** Whether runs of sweeps are among them, and pages of their results. */
  readonly hasSweeps: boolean;
  /** Of the shards that are done. */
  readonly pictures: { readonly done: number; readonly failed: number };
  /** Absent where nothing was done lately. */
  readonly rate?: {
    readonly picturesPerSecond: number;
    readonly shardsPerHour: number;
    readonly seconds: number;
  };
  readonly secondsLeft?: number;
  /** The latest ones first. */
  readonly failures: readonly QueueFailure[];
}

/** A reason is a line; one that fills a screen hides the others. */
const MAX_REASON = 400;

/** A run of a sweep counts none. */
const countsPictures = ({ hasSweeps, pictures }: QueueStatus) => !hasSweeps || pictures.done > 0;

const total = ({ done, failed, active, waiting, delayed }: QueueStatus['shards']) => done + failed + active + waiting + delayed; // prettier-ignore

export function queueText(status: QueueStatus, columns?: number): string {
  const { queue, server, isPaused, workers, shards, hasSweeps, pictures, rate, secondsLeft, failures } =
    status;
  const unit = hasSweeps ? 'jobs' : 'shards';
  const hasPictures = countsPictures(status);
  const states = [
    [shards.done, 'done'],
    [shards.active, 'under way'],
    [shards.waiting, 'waiting'],
    [shards.delayed, 'to be tried again'],
    [shards.failed, 'failed'],
  ] as const;
  const parts = states.filter(([count]) => count > 0).map(([count, state]) => `${count} ${state}`);
  const record = formatRecord(
    {
      queue: `${queue} on ${server}${isPaused ? ', paused' : ''}`,
      workers,
      [unit]: [`${total(shards)}`, parts.join(', ')].filter(Boolean).join(': '),
      pictures: hasPictures ? `${pictures.done}${pictures.failed > 0 ? `, ${pictures.failed} of which failed` : ''}` : undefined, // prettier-ignore
      rate: rate && `${hasPictures ? `${rate.picturesPerSecond.toFixed(1)} pictures/s, ` : ''}${rate.shardsPerHour.toFixed(1)} ${unit} an hour, over ${duration(rate.seconds)}`, // prettier-ignore
      'time left':
        secondsLeft === undefined || secondsLeft === 0 ? undefined : `about ${duration(secondsLeft)}`,
    },
    columns,
  );
  if (failures.length === 0) return record;
  const rows = failures.map(({ shard, attempts, reason }) => [
    shard,
    `${attempts}`,
    quoted(reason, MAX_REASON),
  ]);
  return `${record}\n${formatTable([['failed', 'attempts', 'reason'], ...rows], { right: [1], columns, hasNotes: true })}`; // prettier-ignore
}

export function queueJson(status: QueueStatus): string {
  const { queue, isPaused, workers, shards, hasSweeps, pictures, rate, secondsLeft, failures } = status;
  const { done, failed, active, waiting, delayed } = shards;
  return `${printableJson({
    queue,
    paused: isPaused,
    workers: workers ?? null,
    hasSweeps,
    shards: { total: total(shards), done, active, waiting, delayed, failed },
    pictures,
    rate: rate ? { picturesPerSecond: countsPictures(status) ? rounded(rate.picturesPerSecond) : null, shardsPerHour: rounded(rate.shardsPerHour), seconds: rounded(rate.seconds) } : null, // prettier-ignore
    secondsLeft: secondsLeft === undefined ? null : Math.round(secondsLeft),
    failures,
  })}\n`;
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

/** `45 s`, `12 min`, `3 h 20 min`, `2 days 5 h` */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}
