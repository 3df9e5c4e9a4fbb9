// refusals.ts: a bucket that is asked for more than it answers: how many requests it refuses, and how many pictures run out of tries. Workers
// have a fixed number of requests under way, so that pauses after refusals slow them down until what is answered is what the bucket can.

import type { Parameters } from './parameters.ts';

/** As src/objects/client.ts has them. */
const TRIES = 8;
const FIRST_PAUSE = 0.1;
const LONGEST_PAUSE = 5;

export interface Refusals {
  /** Of the requests that are sent. */
  readonly refused: number;
  /** Pictures that are refused at each try: one of them ends its shard. */
  readonly givenUp: number;
  /** That a shard has one of them. */
  readonly shardLost: (size: number) => number;
}

export function refusals(given: Parameters, partitions: number): Refusals {
  const { workers, ahead, getSeconds, rate, prefixRequests } = given;
  const limit = partitions * prefixRequests;
  const isEnough = workers * rate <= limit;
  // Little's law: requests under way = answered in a second x seconds under way.
  const seconds = (workers * ahead) / limit;
  let [low, high] = [0, isEnough ? 0 : 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (secondsUnderWay(middle, getSeconds) < seconds) low = middle;
    else high = middle;
  }
  const refused = high;
  const givenUp = refused ** TRIES;
  return { refused, givenUp, shardLost: (size) => -Math.expm1(size * Math.log1p(-givenUp)) };
}

/** Of a picture, with the pauses after each refusal; a pause is three quarters of the longest on average. */
function secondsUnderWay(refused: number, getSeconds: number): number {
  let seconds = getSeconds;
  for (let tries = 1; tries < TRIES; tries++) {
    seconds += refused ** tries * 0.75 * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1));
  }
  return seconds;
}
