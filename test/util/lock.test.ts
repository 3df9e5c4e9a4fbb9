// Locks: one at a time, in one process and in several, and a dead owner's lock is taken over.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../src/util/errors.ts';
import { withFileLock, withFileLockOrElse } from '../../src/util/lock.ts';
import { isRunning, ownIdentity } from '../../src/util/process-identity.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-lock-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

test('one at a time, and the lock goes with the action', async () => {
  const target = path.join(scratch, 'counter');
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 6 }, () =>
      withFileLock(target, async () => {
        most = Math.max(most, ++inside);
        await sleep(5);
        inside -= 1;
      }),
    ),
  );
  assert.equal(most, 1);
  assert.ok(!existsSync(`${target}.lock`));
});

test('the action fails: its error comes through, the lock goes', async () => {
  const target = path.join(scratch, 'fails');
  await assert.rejects(
    withFileLock(target, () => Promise.reject(new Error('inside'))),
    /inside/,
  );
  assert.ok(!existsSync(`${target}.lock`));
});

test('the lock of a dead process is taken over, by exactly one', async () => {
  const target = path.join(scratch, 'dead');
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  await writeFile(`${target}.lock`, `${dead} ${hostname()} x\n`);
  let inside = 0;
  await Promise.all(
    Array.from({ length: 4 }, () =>
      withFileLock(target, async () => {
        assert.equal(++inside, 1);
        await sleep(5);
        inside -= 1;
      }),
    ),
  );
});

test("another machine's lock is respected until it has been silent for a minute", async () => {
  const target = path.join(scratch, 'remote');
  await writeFile(`${target}.lock`, '1 another-machine x\n');
  const interrupt = new AbortController();
  const waiting = withFileLock(target, () => Promise.resolve(), { signal: interrupt.signal });
  await sleep(150);
  interrupt.abort();
  await assert.rejects(waiting, /interrupted while another finch holds/);
  const old = new Date(Date.now() - 120_000);
  await utimes(`${target}.lock`, old, old);
  assert.equal(await withFileLock(target, () => Promise.resolve('ours')), 'ours');
});

test('what cannot wait is refused, naming the owner, and takes over what a dead one left', async () => {
  const target = path.join(scratch, 'busy');
  const refusal = (owner: string, file: string) => new AppError('USAGE', `${owner} holds ${file}`);
  const attempt = () => withFileLockOrElse(target, () => Promise.resolve('ours'), refusal);
  await withFileLock(target, async () => {
    await assert.rejects(attempt(), new RegExp(`process ${process.pid} holds .*busy\\.lock`));
  });
  assert.equal(await attempt(), 'ours');
  await writeFile(`${target}.lock`, '1 another-machine x\n');
  await assert.rejects(attempt(), /process 1 on another-machine/);
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  await writeFile(`${target}.lock`, `${dead} ${hostname()} x\n`);
  assert.equal(await attempt(), 'ours');
  assert.ok(!existsSync(`${target}.lock`));
});

const NO_START = !existsSync('/proc/self/stat') && 'needs /proc, which says when a process began';

test(
  'a process id that was given again, as 1 in a container that restarts, holds nothing',
  { skip: NO_START },
  async () => {
    const target = path.join(scratch, 'reused');
    const holder = (await withFileLock(target, () => readFile(`${target}.lock`, 'utf8'))).trim().split(' ');
    assert.equal(holder.length, 5, 'pid, host, chance, boot, start');
    const [pid, host, , boot, start] = holder;
    const refusal = (owner: string) => new AppError('USAGE', owner);
    const attempt = () => withFileLockOrElse(target, () => Promise.resolve('ours'), refusal);
    // This process, at another start of it.
    await writeFile(`${target}.lock`, `${pid} ${host} x ${boot} ${Number(start) + 1}\n`);
    assert.equal(await attempt(), 'ours');
    await writeFile(`${target}.lock`, `${pid} ${host} x ${boot} ${start}\n`);
    await assert.rejects(attempt(), new RegExp(`process ${pid}`));
    // A former finch recorded no start: the process lives.
    await writeFile(`${target}.lock`, `${pid} ${host} x\n`);
    await assert.rejects(attempt(), new RegExp(`process ${pid}`));
    // What is alive on another start of the machine, or on another of this name, cannot be asked: silence tells.
    await writeFile(`${target}.lock`, `${pid} ${host} x another-boot ${start}\n`);
    await assert.rejects(attempt(), new RegExp(`process ${pid}`));
    const old = new Date(Date.now() - 120_000);
    await utimes(`${target}.lock`, old, old);
    assert.equal(await attempt(), 'ours');
  },
);

test('a lock without a name in it, and one that names no process, do not hold for ever', async () => {
  const target = path.join(scratch, 'odd');
  for (const content of ['', `0 ${hostname()} x\n`, `-1 ${hostname()} x\n`, `none ${hostname()}\n`]) {
    await writeFile(`${target}.lock`, content);
    const old = new Date(Date.now() - 5000);
    await utimes(`${target}.lock`, old, old);
    assert.equal(await withFileLock(target, () => Promise.resolve('ours')), 'ours', JSON.stringify(content));
  }
});

test(
  'a process that was killed, and whose parent has not asked for its end, holds no lock',
  { skip: process.platform !== 'linux' && 'only Linux tells the state of a process by a file' },
  async (t) => {
    // The shell becomes a program that never waits for the child.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.after(() => parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const zombie = { ...(await ownIdentity()), pid: Number(line.toString()), start: '' };
    for (let i = 0; i < 50 && (await isRunning(zombie)) !== false; i++) await sleep(20);
    process.kill(zombie.pid, 0); // It is still listed.
    assert.equal(await isRunning(zombie), false);
    assert.equal(await isRunning({ ...zombie, pid: parent.pid! }), true);
  },
);
