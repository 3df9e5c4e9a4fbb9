// simulate.ts: workers that take shards out of a queue, machine by machine: fast and slow ones, some taken away in the middle of a shard. A
// discrete-event simulation: nothing happens between two events.

import type { Rng } from '../../src/util/rng.ts';
import { createEvents, type Timed } from './events.ts';
import type { Parameters } from './parameters.ts';
import { shardOverhead } from './sizes.ts';

export interface SimulatedJob {
  /** From the first machine to the last shard; infinite where shards take longer than machines live. */
  readonly seconds: number;
  /** What is paid for: machines are there until the last shard is done. */
  readonly machineSeconds: number;
  /** Of work that was done for nothing. */
  readonly lostSeconds: number;
  readonly lostShards: number;
  /** From when no shard is left to take for the first time until the end. */
  readonly tailSeconds: number;
  /** How often each shard was done; each once, or the simulation is wrong. */
  readonly done: Uint8Array;
}

/** Shards that are lost so often as this, on average, take longer than machines live. */
const MAX_LOST = 20;

interface Machine {
  /** 1 is that of the benchmark. */
  speed: number;
  /** When it is told to end, or killed. */
  ends: number;
}

interface Event extends Timed {
  readonly kind: 'done' | 'lost' | 'back' | 'free';
  readonly worker: number;
  readonly shard: number;
}

/** @param size pictures in a shard */
export function simulate(given: Parameters, size: number, rng: Rng): SimulatedJob {
  const { pictures, workers, startWithin } = given;
  const overhead = shardOverhead(given);
  const shards = Math.ceil(pictures / size);
  const fastest = (given.partitions * given.prefixRequests) / workers;
  const events = createEvents<Event>();
  const returned: number[] = [];
  const idle: number[] = [];
  const done = new Uint8Array(shards);
  let [fresh, left, lostShards, lostSeconds, gaps, allTaken] = [0, shards, 0, 0, 0, 0];

  const machineFrom = (at: number): Machine => ({
    speed: rng.chance(given.slowShare) ? given.slowSpeed : Math.max(0.5, rng.normal(1, given.speedDeviation)),
    ends: at + lifetime(given.interruptions, rng),
  });
  const starts = Array.from({ length: workers }, () => rng.uniform(0, startWithin));
  const machines = starts.map(machineFrom);
  starts.forEach((at, worker) => events.add({ at, kind: 'free', worker, shard: -1 }));

  /** A worker without work takes the next shard, or waits for one that comes back. */
  const take = (worker: number, at: number) => {
    const shard = returned.pop() ?? (fresh < shards ? fresh++ : -1);
    if (fresh === shards && allTaken === 0) allTaken = at;
    if (shard < 0) {
      idle.push(worker);
      return;
    }
    const machine = machines[worker]!;
    // It was idle when it went: another is there by now. Lifetimes have no memory.
    if (machine.ends < at) machine.ends = at + lifetime(given.interruptions, rng);
    const count = Math.min(size, pictures - shard * size);
    const finished = at + overhead + count / Math.min(given.rate * machine.speed, fastest);
    const { ends } = machine;
    if (finished <= ends) {
      events.add({ at: finished, kind: 'done', worker, shard });
      return;
    }
    const isKilled = rng.chance(given.killedShare);
    const gone = isKilled ? ends : Math.min(finished, ends + given.grace);
    if (!isKilled && finished === gone) events.add({ at: finished, kind: 'done', worker: -1, shard });
    else {
      lostShards += 1;
      lostSeconds += gone - at;
      const silence = isKilled ? given.stalledAfter * rng.uniform(1, 2) : 0;
      events.add({ at: gone + silence, kind: 'back', worker: -1, shard });
    }
    events.add({ at: gone, kind: 'lost', worker, shard: -1 });
  };

  let now = 0;
  while (left > 0) {
    const event = events.next()!;
    const { kind, worker, shard } = event;
    now = lostShards > MAX_LOST * shards ? Infinity : event.at;
    if (now === Infinity) break;
    switch (kind) {
      case 'done':
        done[shard]! += 1;
        left -= 1;
        if (worker >= 0) take(worker, now);
        break;
      case 'back': {
        returned.push(shard);
        const waiting = idle.pop();
        if (waiting !== undefined) take(waiting, now);
        break;
      }
      case 'lost': {
        const replaced = now + startWithin;
        machines[worker] = machineFrom(replaced);
        events.add({ at: replaced, kind: 'free', worker, shard: -1 });
        gaps += startWithin;
        break;
      }
      case 'free':
        take(worker, now);
        break;
      default:
        kind satisfies never;
    }
  }
  const machineSeconds = starts.reduce((sum, at) => sum + Math.max(0, now - at), 0) - gaps;
  return { seconds: now, machineSeconds, lostSeconds, lostShards, tailSeconds: now - allTaken, done };
}

/** Seconds until a machine is taken away, at so many times an hour. */
function lifetime(anHour: number, rng: Rng): number {
  return anHour === 0 ? Infinity : (-3600 * Math.log(1 - rng.uniform())) / anHour;
}
