// measure.ts: how a figure is taken: finch and its peer in turn, in one run, medians of both.

import { spawnSync } from 'node:child_process';

/** A figure beside its peer's. `ratio` is a time over a time: below 1 finch is better, for rates too. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly finch: number | null;
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly peerName: string;
}

export interface Pair {
  readonly measure: string;
  readonly unit: string;
  /** Rates are better when larger: their ratio is turned over. */
  readonly isRate?: boolean;
  readonly repeats: number;
  readonly peerName: string;
  readonly finch: () => number | Promise<number>;
  /** Absent: there is no peer on this machine. */
  readonly peer?: (() => number | Promise<number>) | undefined;
}

/** Takes finch's figure and the peer's alternately, after one of each that does not count. */
export async function measure({
  measure: name,
  unit,
  isRate = false,
  repeats,
  peerName,
  finch,
  peer,
}: Pair): Promise<Row> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = -1; i < repeats; i++) {
    const [a, b] = [await finch(), await peer?.()];
    if (i < 0) continue;
    ours.push(a);
    if (b !== undefined) theirs.push(b);
  }
  const [ourMedian, theirMedian] = [median(ours), theirs.length > 0 ? median(theirs) : null];
  const ratio = theirMedian === null ? null : isRate ? theirMedian / ourMedian : ourMedian / theirMedian;
  // A run of many figures that is ended early has told those that it took.
  const told = [ourMedian, theirMedian, ratio].map((value) => value?.toPrecision(3) ?? '-').join(', ');
  process.stderr.write(`  ${name}: finch, peer, ratio: ${told} ${unit}\n`);
  return { measure: name, unit, finch: ourMedian, peer: theirMedian, ratio, peerName };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs a program to its end and returns the seconds that took. @throws when it fails */
export function seconds(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const started = performance.now();
  output(command, args, env);
  return (performance.now() - started) / 1000;
}

/** What a program prints. @throws when it fails */
export function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env: { ...process.env, ...env },
    maxBuffer: 1024 ** 3,
    encoding: 'utf8',
  });
  if (status === 0) return stdout;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${status}: ${error?.message ?? stderr.slice(-1000)}`,
  );
}
