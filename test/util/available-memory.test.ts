// What is left of memory: in containers of both versions of control groups, in slices, and on macOS.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { availableMemory, reclaimableBytes } from '../../src/util/available-memory.ts';
import { mostOfLimit, partOfLimit, threadsOfLimit } from '../../src/util/memory-limit.ts';

const GIB = 2 ** 30;

let scratch = '';
before(async () => (scratch = await mkdtemp(path.join(tmpdir(), 'finch-memory-'))));
after(() => rm(scratch, { recursive: true, force: true }));

async function system(name: string, files: Readonly<Record<string, string | number>>): Promise<string> {
  const root = path.join(scratch, name);
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), `${content}\n`);
  }
  return root;
}

describe('control groups', () => {
  const own = 'proc/self/cgroup';
  const v1 = 'sys/fs/cgroup/memory/memory';
  for (const [what, files, expected] of [
    ['none', {}, 16 * GIB],
    [
      'a container without a limit',
      { [own]: '0::/', 'sys/fs/cgroup/memory.max': 'max', 'sys/fs/cgroup/memory.current': GIB },
      16 * GIB,
    ],
    [
      'a container of 4 GiB, of which 3 are used and 2 of these are files',
      {
        [own]: '0::/',
        'sys/fs/cgroup/memory.max': 4 * GIB,
        'sys/fs/cgroup/memory.current': 3 * GIB,
        'sys/fs/cgroup/memory.stat': `anon 5\ninactive_file ${2 * GIB}`,
      },
      3 * GIB,
    ],
    [
      'a slice around the own group',
      {
        [own]: '0::/user.slice/app',
        'sys/fs/cgroup/user.slice/memory.max': 2 * GIB,
        'sys/fs/cgroup/user.slice/memory.current': GIB,
        'sys/fs/cgroup/user.slice/app/memory.max': 'max',
        'sys/fs/cgroup/user.slice/app/memory.current': 5,
      },
      GIB,
    ],
    [
      'version 1',
      {
        [own]: '5:cpu:/\n4:memory:/docker/a',
        [`${v1}.limit_in_bytes`]: 8 * GIB,
        [`${v1}.usage_in_bytes`]: 6 * GIB,
        [`${v1}.stat`]: `total_inactive_file ${GIB}`,
      },
      3 * GIB,
    ],
    [
      'version 1 without a limit',
      { [`${v1}.limit_in_bytes`]: '9223372036854771712', [`${v1}.usage_in_bytes`]: GIB },
      16 * GIB,
    ],
    [
      'more used than allowed',
      { 'sys/fs/cgroup/memory.max': GIB, 'sys/fs/cgroup/memory.current': 2 * GIB },
      0,
    ],
  ] as const) {
    // prettier-ignore
    test(what, async () => {
      const root = await system(what, files);
      assert.equal(availableMemory({ root, machine: 16 * GIB }), expected);
    });
  }
});

test('macOS counts pages that it would give away', () => {
  const text = [
    'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
    'Pages free:                                4000.',
    'Pages active:                            500000.',
    'Pages inactive:                          300000.',
    'Pages speculative:                         1000.',
    'Pages purgeable:                            500.',
  ].join('\n');
  assert.equal(reclaimableBytes(text), 16384 * 305500);
  assert.equal(reclaimableBytes('no such program'), 0);
});

test('this machine has some', () => {
  assert.ok(availableMemory() > 2 ** 20);
});

describe('a part of what a container may have', () => {
  for (const [what, limit, expected] of [
    ['no limit', 2 ** 64, 512 * 2 ** 20],
    ['a limit that the system does not know', 0, 512 * 2 ** 20],
    ['2 GiB', 2 * GIB, 224 * 2 ** 20],
    ['less than the process itself needs', GIB / 8, 32 * 2 ** 20],
  ] as const) {
    test(what, () => assert.equal(partOfLimit(1 / 8, 512 * 2 ** 20, limit), expected));
  }
  test('Node 20 says of no limit that it is undefined', (t) => {
    t.mock.method(process, 'constrainedMemory', () => undefined);
    assert.equal(partOfLimit(1 / 8, 512 * 2 ** 20), 512 * 2 ** 20);
    assert.equal(mostOfLimit(), Infinity);
  });
  test('one picture, and threads', () => {
    assert.deepEqual([2 * GIB, GIB / 4].map(mostOfLimit), [1.75 * GIB, GIB / 8]);
    assert.deepEqual([GIB / 16, GIB / 8].map(threadsOfLimit), [1, 1]);
    assert.equal(threadsOfLimit(2 ** 64), availableParallelism());
  });
});
