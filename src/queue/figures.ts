// figures.ts: how fast a queue is, and how long it will take, from the shards that were done lately. Pure functions.

/** A shard that is done; times in milliseconds since 1970. */
export interface FinishedShard {
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly pictures: number;
  /** Whether it was on the disk already: it says nothing of how fast workers are. */
  readonly wasThere: boolean;
}

export interface QueueRate {
  readonly picturesPerSecond: number;
  readonly shardsPerHour: number;
  /** Over how long a time, in seconds. */
  readonly seconds: number;
}

/** What was done before says little of the workers that there are now. */
const WINDOW_MS = 3_600_000;
/** The latest shards of that time. */
const WINDOW_SHARDS = 1000;

/**
 * Undefined where nothing was done lately.
 * @param until now, or for a queue that is done the time of its last shard
 */
export function rateOf(finished: readonly FinishedShard[], until: number): QueueRate | undefined {
  const latest = finished
    .filter(({ wasThere, finishedAt }) => !wasThere && finishedAt > until - WINDOW_MS)
    .sort((a, b) => b.finishedAt - a.finishedAt)
    .slice(0, WINDOW_SHARDS);
  const first = latest.at(-1);
  if (!first) return undefined;
  // Between the end of the first shard and now lie the others; when that one began, others were under way whose ends are not among them.
  const [counted, since] = latest.length === 1 ? [latest, first.startedAt] : [latest.slice(0, -1), first.finishedAt]; // prettier-ignore
  const seconds = (until - since) / 1000;
  if (!(seconds > 0)) return undefined;
  const pictures = counted.reduce((sum, shard) => sum + shard.pictures, 0);
  return {
    picturesPerSecond: pictures / seconds,
    shardsPerHour: (3600 * counted.length) / seconds,
    seconds,
  };
}

/** In seconds; undefined where nothing says it. @param left shards that are neither done nor left as failed */
export function secondsLeft(left: number, rate: QueueRate | undefined): number | undefined {
  if (left === 0) return 0;
  return rate === undefined ? undefined : (3600 * left) / rate.shardsPerHour;
}
