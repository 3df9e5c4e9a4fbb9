// Groups of what comes, by number and by time; work ahead, in order, by number and by weight.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { batched, mapOrdered } from '../../src/util/streams.ts';

async function groups<T>(source: AsyncIterable<T>, patience: number): Promise<readonly (readonly T[])[]> {
  const all: (readonly T[])[] = [];
  for await (const group of batched(source, 3, patience)) all.push(group);
  return all;
}

test('groups are full, but for the last one; one that waits too long goes alone', async () => {
  async function* quick() {
    yield* [1, 2, 3, 4];
  }
  assert.deepEqual(await groups(quick(), 1000), [[1, 2, 3], [4]]);
  async function* slow() {
    yield 1;
    await sleep(200);
    yield 2;
  }
  assert.deepEqual(await groups(slow(), 20), [[1], [2]]);
});

test('what came while the process was busy has not waited too long', async () => {
  async function* source() {
    const { port1, port2 } = new MessageChannel();
    const news = new Promise((resolve) => {
      port1.once('message', resolve);
    });
    yield 1;
    setImmediate(() => {
      port2.postMessage('here');
      const end = performance.now() + 100;
      while (performance.now() < end);
    });
    await news;
    port1.close();
    yield 2;
  }
  assert.deepEqual(await groups(source(), 20), [[1, 2]]);
});

test('what is heavy is not begun while too much is under way, and the order stays', async () => {
  async function* source() {
    yield* [6, 6, 1, 1, 1, 20, 1];
  }
  let [load, most] = [0, 0];
  const ahead = { items: 3, weight: 7, weightOf: (weight: number) => weight };
  const done: number[] = [];
  const mapped = mapOrdered(source(), ahead, async (weight) => {
    load += weight;
    most = Math.max(most, load);
    await sleep(1);
    load -= weight;
    return weight;
  });
  for await (const weight of mapped) done.push(weight);
  assert.deepEqual(done, [6, 6, 1, 1, 1, 20, 1]);
  assert.ok(most <= 7 + 20, `${most} at once`);
});

test('a source that fails while nobody asks is told when somebody asks, and is no unhandled rejection', async () => {
  async function* source() {
    yield 1;
    yield 2;
    await sleep(20);
    throw new Error('the source ended');
  }
  const mapped = mapOrdered(source(), 2, async (item) => {
    await sleep(5);
    return item;
  });
  assert.equal((await mapped.next()).value, 1);
  // Whoever has the first item is busy: the third was requested meanwhile.
  await sleep(60);
  await assert.rejects(mapped.next(), /the source ended/);
});
