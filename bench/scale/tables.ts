// tables.ts: the figures of docs/scale.md: what the simulation says, as rows of text. The page has each of these rows; a test holds it.

import { createRng } from '../../src/util/rng.ts';
import { PARAMETERS, type Parameters } from './parameters.ts';
import { refusals } from './refusals.ts';
import { simulate, type SimulatedJob } from './simulate.ts';
import { shardOverhead, sizesOf } from './sizes.ts';

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const SEED = 1;
/** What the other tables are about: the default of `finch shards`. */
const SIZE = 10_000;
const SIZES = [100, 1000, 5000, SIZE, 30_000, 100_000, 1_000_000];
const HOUR = 3600;

const count = (value: number) => Math.round(value).toLocaleString('en-US');
const digits = (value: number, places = 1) =>
  value.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places });
const percent = (share: number) => `${digits(100 * share)} %`;
const hours = (seconds: number) => `${digits(seconds / HOUR, 2)} h`;
const minutes = (seconds: number) => `${digits(seconds / 60)} min`;
const dollars = (value: number) => `$${digits(value, 2)}`;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
function bytes(value: number): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${digits(value / 1000 ** step)} ${UNITS[step]!}`;
}

export function tables(given: Parameters): readonly Table[] {
  const run = (changed: Partial<Parameters>, size = SIZE) =>
    simulate({ ...given, ...changed }, size, createRng(SEED));
  const job = run({});
  return [
    whole(given, job),
    partitions(given),
    lists(given, job),
    shardSizes(given, (size) => (size === SIZE ? job : run({}, size))),
    interruptions(run),
    machines(given, run),
    cost(given, job),
    known(given),
  ];
}

function whole(given: Parameters, job: SimulatedJob): Table {
  const sizes = sizesOf(given, SIZE);
  const { pictures, workers, rate, pictureBytes, groups, groupMemory } = { ...given, ...sizes };
  const calls = sizes.redisCommands / job.seconds;
  return {
    title: 'The job',
    header: ['what', 'figure'],
    rows: [
      ['list the pictures: one command, page after page', hours(sizes.listSeconds)],
      [
        `work: ${count(workers)} workers, ${count(sizes.shards)} shards of ${count(SIZE)}`,
        hours(job.seconds),
      ],
      ['the same if nothing but pictures took time', hours(pictures / workers / rate)],
      ['pictures a second, all workers', count(pictures / job.seconds)],
      ['from the last shard that was taken for the first time to the end', minutes(job.tailSeconds)],
      [
        '`finch shards verify`: one command reads all shards',
        hours((pictures * given.rowBytes) / given.checkedBytes),
      ],
      ['read: pictures', bytes(pictures * pictureBytes)],
      ['read: the manifest, by all shards together', bytes(sizes.manifestReads)],
      ['written: features', bytes(pictures * given.rowBytes)],
      ['GET and HEAD', count(sizes.reads)],
      ['PUT and LIST', count(sizes.writes)],
      ['manifest', bytes(sizes.manifestBytes)],
      ['Redis: memory', bytes(sizes.redisBytes)],
      ['Redis: commands, and how many a second', `${count(sizes.redisCommands)}, ${count(calls)}`],
      ['memory of the command that lists, besides node', bytes(given.listMemory + groups * groupMemory)],
      ['memory of a worker', bytes(given.workerMemory + groups * groupMemory)],
      ['  of which the list of row groups', bytes(groups * groupMemory)],
    ],
  };
}

function cost(given: Parameters, job: SimulatedJob): Table {
  const sizes = sizesOf(given, SIZE);
  const again = job.lostSeconds * given.rate;
  const gets = ((sizes.reads + again) / 1000) * given.getPrice;
  const puts = (sizes.writes / 1000) * given.putPrice;
  const machineHours = job.machineSeconds / HOUR;
  const others = ((sizes.listSeconds + job.seconds) / HOUR) * given.machinePrice;
  const onDemand = machineHours * given.machinePrice;
  const spot = onDemand * given.spotShare;
  const common = gets + puts + others;
  return {
    title: 'What it costs',
    header: ['what', 'on demand', 'spot'],
    rows: [
      [`${count(machineHours)} machine-hours of workers`, dollars(onDemand), dollars(spot)],
      ['a machine that lists, then one for Redis', dollars(others), dollars(others)],
      ['GET and HEAD', dollars(gets), dollars(gets)],
      ['PUT and LIST', dollars(puts), dollars(puts)],
      ['together', dollars(onDemand + common), dollars(spot + common)],
    ],
  };
}

function shardSizes(given: Parameters, run: (size: number) => SimulatedJob): Table {
  const rows = SIZES.map((size) => {
    const { shards, redisBytes, shardBytes, manifestReads, writes } = sizesOf(given, size);
    const { seconds, machineSeconds, tailSeconds } = run(size);
    const useful = given.pictures / given.rate;
    const start = shardOverhead(given);
    const puts = (writes / 1000) * given.putPrice;
    return [count(size), count(shards), hours(seconds), percent(start / (start + size / given.rate)), percent(1 - useful / machineSeconds), minutes(tailSeconds), bytes(manifestReads), dollars(puts), bytes(redisBytes), bytes(shardBytes)]; // prettier-ignore
  });
  const header = ['pictures in a shard', 'shards', 'time', 'of a shard, its start', 'of machine time, not for pictures', 'tail', 'read of the manifest', 'PUT and LIST', 'Redis', 'a shard']; // prettier-ignore
  return { title: 'The size of a shard', header, rows };
}

function machines(given: Parameters, run: (changed: Partial<Parameters>) => SimulatedJob): Table {
  const { listSeconds } = sizesOf(given, SIZE);
  const rows = [10, 25, 50, 100, 200, 400].map((workers) => {
    const asked = workers * given.rate;
    const needed = Math.ceil(asked / given.prefixRequests);
    const { seconds } = run({ workers, partitions: Math.max(needed, given.partitions) });
    return [count(workers), hours(seconds), percent(listSeconds / (listSeconds + seconds)), count(asked), count(needed)]; // prettier-ignore
  });
  const header = ['workers', 'time', 'of all time, listing', 'GET a second wanted', 'partitions that takes'];
  return { title: 'How many workers', header, rows };
}

function partitions(given: Parameters): Table {
  const { shards } = sizesOf(given, SIZE);
  const rows = [1, 2, 3].map((parts) => {
    const { refused, givenUp, shardLost } = refusals(given, parts);
    const name = (value: number) => (value === 0 ? '0' : value.toExponential(1));
    // A shard ends at the first picture that is given up.
    const until = shardLost(SIZE) / givenUp / ((parts * given.prefixRequests) / given.workers);
    const failed = (shards * given.attempts * (shardOverhead(given) + until)) / given.workers;
    return [count(parts), count(parts * given.prefixRequests), percent(refused), name(givenUp), percent(shardLost(100)), percent(shardLost(SIZE)), givenUp === 0 ? 'never' : hours(failed)]; // prettier-ignore
  });
  const header = ['partitions', 'GET a second', 'refused', 'pictures refused eight times', 'shards of 100 lost', `shards of ${count(SIZE)} lost`, 'all attempts used up after']; // prettier-ignore
  return { title: 'Too few partitions', header, rows };
}

function lists(given: Parameters, { seconds }: SimulatedJob): Table {
  const rows = [0.05, 0.15, 0.5, 2].map((pageSeconds) => {
    const { listSeconds } = sizesOf({ ...given, pageSeconds }, SIZE);
    return [`${pageSeconds} s`, hours(listSeconds), percent(listSeconds / seconds)];
  });
  return { title: 'Listing', header: ['a page takes', 'listing', 'of the time of the work'], rows };
}

function interruptions(run: (changed: Partial<Parameters>, size: number) => SimulatedJob): Table {
  const rows = [0, 0.05, 0.5].flatMap((anHour) =>
    [1000, SIZE, 100_000].map((size) => {
      const { seconds, lostShards, lostSeconds, machineSeconds } = run({ interruptions: anHour }, size);
      return [`${digits(anHour, 2)} an hour`, count(size), hours(seconds), count(lostShards), percent(lostSeconds / machineSeconds)]; // prettier-ignore
    }),
  );
  const header = ['a machine is taken away', 'pictures in a shard', 'time', 'shards done again', 'machine time lost']; // prettier-ignore
  return { title: 'Interruptions', header, rows };
}

function known(given: Parameters): Table {
  const rows = Object.entries(PARAMETERS).map(([name, { unit, what, source }]) => {
    const value = given[name as keyof Parameters];
    return [`\`${name}\``, what, `${value.toLocaleString('en-US', { maximumSignificantDigits: 6 })} ${unit}`.trim(), source]; // prettier-ignore
  });
  return { title: 'What it begins with', header: ['parameter', 'what', 'value', 'from'], rows };
}

/** As Markdown. */
export function printed({ title, header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [`## ${title}`, '', line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n');
}
