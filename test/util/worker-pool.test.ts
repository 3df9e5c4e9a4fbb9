// Threads that answer: what is wrong with one request is that request's; a dead worker is replaced, and memory goes round.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { AppError } from '../../src/util/errors.ts';
import { releaseMemoryOf, withMemory } from '../../src/util/memory-budget.ts';
import { mapOrdered } from '../../src/util/streams.ts';
import { WorkerPool } from '../../src/util/worker-pool.ts';

/** Doubles numbers; throws at 13, fills its memory at 14, ends at 15. */
const WORKER = `
  import { serve } from ${JSON.stringify(new URL('../../src/util/serve.js', import.meta.url).href)};
  serve(2, async (n) => {
    if (n === 13) throw new RangeError('thirteen');
    if (n === 14) { const all = []; for (;;) all.push(new Array(1000).fill({})); }
    if (n === 15) process.exit();
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { reply: 2 * n };
  });`;

const pool = (size: number) =>
  new WorkerPool<number, number>({
    script: new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`),
    size,
    resourceLimits: { maxOldGenerationSizeMb: 24 },
  });

describe('a pool of workers', () => {
  test('an error in a request rejects that one alone', async () => {
    const workers = pool(1);
    const asked = [1, 13, 2].map((n) => workers.ask(n));
    const [one, bad, two] = await Promise.allSettled(asked);
    assert.deepEqual([one, two], [{ status: 'fulfilled', value: 2 }, { status: 'fulfilled', value: 4 }]); // prettier-ignore
    assert.match(String((bad as PromiseRejectedResult).reason), /RangeError: thirteen/);
    await workers.dispose();
  });
  for (const [deadly, what] of [
    [14, 'no memory'],
    [15, 'an end'],
  ] as const) {
    test(`${what}: the others are answered by another worker`, { timeout: 60_000 }, async () => {
      const workers = pool(2);
      const numbers = [1, 2, 3, deadly, 4, 5, 6, 7];
      const answers = await Promise.allSettled(numbers.map((n) => workers.ask(n)));
      numbers.forEach((n, i) => {
        const answer = answers[i]!;
        if (n !== deadly) assert.deepEqual(answer, { status: 'fulfilled', value: 2 * n });
        else if (n === 14) {
          const { reason } = answer as PromiseRejectedResult;
          assert.ok(reason instanceof AppError && reason.code === 'OUT_OF_MEMORY', String(reason));
        } else assert.equal(answer.status, 'rejected');
      });
      assert.equal(await workers.ask(21), 42);
      await workers.dispose();
    });
  }
  test('disposed while a worker is dead and its requests are asked again: nothing starts any more', async () => {
    const workers = pool(1);
    void workers.ask(15).catch(() => {});
    void workers.ask(1).catch(() => {});
    await workers.dispose();
  });
});

test('mapOrdered: what rejects early is told at its turn, and not as an unhandled rejection', async () => {
  async function* items() {
    yield* [0, 1, 2, 3];
  }
  const seen: number[] = [];
  const map = async (n: number) => {
    await new Promise((resolve) => setTimeout(resolve, n === 0 ? 50 : 1));
    if (n === 2) throw new Error('two');
    return n;
  };
  await assert.rejects(async () => {
    for await (const n of mapOrdered(items(), 4, map)) seen.push(n);
  }, /two/);
  assert.deepEqual(seen, [0, 1]);
});

describe('memory that threads share', () => {
  const TOO_MUCH = 1e15;
  test('what needs all of it waits until nobody holds any', async () => {
    const log: string[] = [];
    const use = (name: string, bytes: number) =>
      withMemory(bytes, async () => {
        log.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        log.push(`${name} ends`);
      });
    await Promise.all([use('small', 10), use('large', TOO_MUCH), use('other', 10)]);
    const at = log.indexOf('large begins');
    assert.equal(log[at + 1], 'large ends');
  });
  test('a stream of small ones does not keep it waiting', async () => {
    const state = { isDone: false, begun: 0 };
    const stream = async () => {
      while (!state.isDone && state.begun < 100) {
        await withMemory(10, async () => {
          state.begun++;
          await new Promise((resolve) => setTimeout(resolve, 5));
        });
      }
    };
    // They overlap, so that some memory is always held.
    const streams = [stream(), new Promise((resolve) => setTimeout(resolve, 2)).then(stream)];
    await withMemory(TOO_MUCH, async () => void (state.isDone = true));
    await Promise.all(streams);
    assert.ok(state.begun < 100, `${state.begun} began before it`);
  });
  test('what fails gives it back, and so does a dead thread', async () => {
    await assert.rejects(
      withMemory(TOO_MUCH, () => Promise.reject(new Error('no'))),
      /no/,
    );
    void withMemory(TOO_MUCH, () => new Promise<void>(() => {}));
    releaseMemoryOf(0);
    assert.equal(await withMemory(TOO_MUCH, async () => 'done'), 'done');
  });
  test('who starts a thread for pictures ahead of all else has what threads count in', () => {
    const ahead = new URL('../../src/images/decoding-ahead.js', import.meta.url);
    const script = `
      import { getEnvironmentData } from 'node:worker_threads';
      const { startDecodingAhead } = await import(${JSON.stringify(ahead.href)});
      startDecodingAhead();
      console.log(getEnvironmentData('finch: memory budget') instanceof SharedArrayBuffer);`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
    assert.equal(stdout.toString(), 'true\n');
  });
});
