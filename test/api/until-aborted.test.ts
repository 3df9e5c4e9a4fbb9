// until-aborted.test.ts: items that can be waited for no longer: the abort is heard while the source hangs, and no item is remembered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { untilAborted, workOf } from '../../src/api/work.ts';

test('an abort is heard while the source gives nothing', async () => {
  const stopping = new AbortController();
  async function* hanging() {
    yield 1;
    await new Promise(() => {});
  }
  const seen: number[] = [];
  const reading = (async () => {
    for await (const item of untilAborted(hanging(), workOf({ signal: stopping.signal }))) {
      seen.push(item);
      setImmediate(() => stopping.abort());
    }
  })();
  await assert.rejects(reading, { code: 'INTERRUPTED' });
  assert.deepEqual(seen, [1]);
});

test('the memory does not grow with the items', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  async function* many(count: number) {
    for (let i = 0; i < count; i++) yield i;
  }
  const used = () => {
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const items = untilAborted(many(200_000), workOf({}));
  await items.next();
  const before = used();
  for (let i = 1; i < 150_000; i++) await items.next();
  const grown = used() - before;
  await items.return();
  // A promise that all items wait for would have kept 20 MB and more.
  assert.ok(grown < 5, `${grown} MiB`);
});
