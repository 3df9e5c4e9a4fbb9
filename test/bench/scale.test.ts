// The simulation of a large job: every shard is done once, time is what it can be reckoned to be where nothing goes wrong, and docs/scale.md
// has the figures that the script prints.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DEFAULTS } from '../../bench/scale/parameters.ts';
import { refusals } from '../../bench/scale/refusals.ts';
import { simulate } from '../../bench/scale/simulate.ts';
import { shardOverhead } from '../../bench/scale/sizes.ts';
import { tables } from '../../bench/scale/tables.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { createRng } from '../../src/util/rng.ts';

const SMALL = { ...DEFAULTS, pictures: 1_000_000, workers: 20 };

test('machines that are alike and stay take the time of their shards', () => {
  const alike = { ...SMALL, speedDeviation: 0, slowShare: 0, startWithin: 0, interruptions: 0 };
  const { seconds, tailSeconds, lostShards, machineSeconds } = simulate(alike, 10_000, createRng(1));
  const aShard = shardOverhead(alike) + 10_000 / alike.rate;
  assert.ok(Math.abs(seconds - 5 * aShard) < 1e-6, `${seconds}`);
  assert.ok(Math.abs(tailSeconds - aShard) < 1e-6, `${tailSeconds}`);
  assert.ok(Math.abs(machineSeconds - 20 * seconds) < 1e-3, `${machineSeconds}`);
  assert.equal(lostShards, 0);
});

test('however often machines are taken away, every shard is done once; the same seed is the same job', () => {
  const rough = { ...SMALL, interruptions: 20, killedShare: 0.5 };
  const once = simulate(rough, 3000, createRng(2));
  assert.ok(once.lostShards > 20, `${once.lostShards}`);
  assert.ok(once.done.every((times) => times === 1));
  assert.deepEqual(simulate(rough, 3000, createRng(2)), once);
  assert.ok(once.machineSeconds > SMALL.pictures / SMALL.rate + once.lostSeconds / 2);
});

test('a bucket that answers enough refuses nothing', () => {
  assert.equal(refusals(DEFAULTS, 3).refused, 0);
  const { refused, givenUp, shardLost } = refusals(DEFAULTS, 1);
  assert.ok(refused > 0 && refused < 1);
  assert.ok(Math.abs(shardLost(1) - givenUp) < 1e-12);
});

test('docs/scale.md has the rows that the script prints, and no others', () => {
  const page = readFileSync(path.join(PACKAGE_ROOT, 'docs', 'scale.md'), 'utf8');
  const cells = (line: string) => line.split('|').slice(1, -1).map((cell) => cell.trim()); // prettier-ignore
  const quoted = page.split('\n').filter((line) => line.startsWith('|') && !/^\|\s*:?-/.test(line)).map(cells); // prettier-ignore
  const printed = tables(DEFAULTS).flatMap(({ header, rows }) => [header, ...rows]);
  const trimmed = printed.map((row) => row.map((cell) => cell.trim()));
  assert.deepEqual(quoted, trimmed, 'run `npm run scale` and put its tables into docs/scale.md');
});
