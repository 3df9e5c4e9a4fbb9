// batcher.test.ts: what waits is computed together, in order, and what is not wanted any more is not computed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Batcher } from '../../src/util/batcher.ts';

/** The event loop turns more often than before a group. */
async function turns() {
  for (let i = 0; i < 50; i++) await turn();
}

/** A batcher that doubles numbers; each run ends when it is let. */
function doubler({ maxBatch = 4, maxDelay = 0 } = {}) {
  const groups: (readonly number[])[] = [];
  const running: (() => void)[] = [];
  const batcher = new Batcher<number, number>({
    maxBatch,
    maxDelay,
    async run(items) {
      groups.push(items);
      await new Promise<void>((resolve) => running.push(resolve));
      if (items.includes(13)) throw new Error('13 is no number');
      return items.map((item) => 2 * item);
    },
  });
  /** Ends the run that is under way, and those that follow it. */
  const release = async () => {
    for (let i = 0; i < 5; i++) {
      await turns();
      running.shift()?.();
    }
  };
  return { batcher, groups, release };
}

test('one alone is computed at once; those that come meanwhile are the next group, at most maxBatch of them', async () => {
  const { batcher, groups, release } = doubler();
  const first = batcher.ask(1);
  await turns();
  assert.deepEqual(groups, [[1]]);
  const others = [2, 3, 4, 5, 6].map((item) => batcher.ask(item));
  await release();
  assert.deepEqual(groups, [[1], [2, 3, 4, 5], [6]]);
  assert.deepEqual(await Promise.all([first, ...others]), [2, 4, 6, 8, 10, 12]);
});

test('what comes in the same turn shares a run', async () => {
  const { batcher, groups, release } = doubler();
  const all = [1, 2, 3].map((item) => batcher.ask(item));
  await release();
  assert.deepEqual(groups, [[1, 2, 3]]);
  assert.deepEqual(await Promise.all(all), [2, 4, 6]);
});

test('a failure is that of its group alone', async () => {
  const { batcher, release } = doubler({ maxBatch: 2 });
  const all = Promise.allSettled([1, 13, 3].map((item) => batcher.ask(item)));
  await release();
  const [one, thirteen, three] = await all;
  assert.equal(one!.status, 'rejected');
  assert.equal(thirteen!.status, 'rejected');
  assert.deepEqual(three, { status: 'fulfilled', value: 6 });
});

test('with a delay, the first waits for others, and no longer once the group is full', async () => {
  const { batcher, groups, release } = doubler({ maxBatch: 2, maxDelay: 60_000 });
  const first = batcher.ask(1);
  await turns();
  assert.deepEqual(groups, []);
  const second = batcher.ask(2);
  await release();
  assert.deepEqual(groups, [[1, 2]]);
  assert.deepEqual(await Promise.all([first, second]), [2, 4]);
});

test('one whose signal is aborted leaves, also while it is the only one that waits', async () => {
  const { batcher, groups, release } = doubler({ maxDelay: 20 });
  const [gone, late] = [new AbortController(), new AbortController()];
  late.abort(new Error('too late'));
  await assert.rejects(batcher.ask(0, late.signal), /too late/);
  const alone = batcher.ask(1, gone.signal);
  await turn();
  gone.abort(new Error('gone'));
  await assert.rejects(alone, /gone/);
  await batcher.idle();
  assert.deepEqual(groups, []);
  const next = batcher.ask(2);
  const idle = batcher.idle();
  while (groups.length === 0) await turn();
  await release();
  assert.equal(await next, 4);
  await idle;
});

test('one who asks some turns of promises after an answer is answered too', async () => {
  const batcher = new Batcher({ run: async (items: readonly number[]) => items, maxBatch: 4, maxDelay: 0 });
  for (let later = 0; later < 8; later++) {
    await batcher.ask(1);
    for (let i = 0; i < later; i++) await Promise.resolve();
    assert.equal(await batcher.ask(later), later);
  }
});

test('where the loop is busy, a group is computed after some milliseconds', async (t) => {
  const { batcher, groups, release } = doubler();
  let time = 0;
  t.mock.method(performance, 'now', () => (time += 4));
  const asked = batcher.ask(1);
  for (let i = 0; i < 4; i++) await turn();
  assert.deepEqual(groups, [[1]]);
  await release();
  assert.equal(await asked, 2);
});

test('connections that wait are accepted before a group is computed', async (t) => {
  // However busy the machine is.
  t.mock.method(performance, 'now', () => 0);
  let accepted = 0;
  const server = createServer(() => void (accepted += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const before = accepted;
    const run = async (items: readonly number[]) => items.map(() => accepted);
    const batcher = new Batcher({ run, maxBatch: 8, maxDelay: 0 });
    assert.equal(await batcher.ask(0), 20, `${before} were accepted when it was asked`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
