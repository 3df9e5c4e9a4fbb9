// aside.test.ts: what a killed process left aside goes with the next write there; nothing that finch did not name does.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { asideOf, isAside, isAsideOf } from '../../src/util/aside.ts';
import { writeFileAtomic, writeFolderAtomic } from '../../src/util/files.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-aside-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const HOUR_MS = 3600_000;

/** The name that a process with another id would have given. */
function ofProcess(aside: string, pid: number): string {
  return aside.replace(/\.[0-9a-f]{8}(?=[0-9a-f]{16}\.tmp$)/, `.${pid.toString(16).padStart(8, '0')}`);
}

for (const [name, write] of Object.entries({
  file: (folder: string) => writeFileAtomic(path.join(folder, 'new'), 'x'),
  folder: (folder: string) => writeFolderAtomic(path.join(folder, 'new'), async () => {}),
})) {
  test(`a ${name} that is written takes the remains of dead processes with it`, async () => {
    const folder = path.join(scratch, name);
    await mkdir(folder);
    const old = new Date(Date.now() - 1.1 * HOUR_MS);
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const alive = await asideOf(path.join(folder, 'x.html'));
    const kept = [path.basename(alive), '.notes.tmp', '.x.zzzzzzzzzzzz.tmp', 'x.0123456789ab.tmp', '.x.0123.tmp', '.x.ffffffffffff.tmp']; // prettier-ignore
    const gone = [path.basename(ofProcess(alive, dead)), '.x.0123456789ab.tmp'];
    for (const file of [...kept, ...gone]) await writeFile(path.join(folder, file), '');
    for (const file of [...kept.slice(1, -1), gone[1]!]) await utimes(path.join(folder, file), old, old);
    await mkdir(path.join(folder, '.model.0123456789ac.tmp', 'inside'), { recursive: true });
    await utimes(path.join(folder, '.model.0123456789ac.tmp'), old, old);
    await write(folder);
    assert.deepEqual((await readdir(folder)).sort(), [...kept, 'new'].sort());
  });
}

test('names are told from those of others, also long ones', async () => {
  const long = `${'图'.repeat(100)}.html`;
  for (const name of ['model.json', 'a.b c', long, '.hidden', 'two\nlines']) {
    const aside = path.basename(await asideOf(path.join(scratch, name)));
    assert.ok(isAside(aside) && isAsideOf(aside, name), aside);
    assert.ok(!isAsideOf(aside, 'other'));
    assert.ok(Buffer.byteLength(aside) <= 255, `${Buffer.byteLength(aside)} bytes`);
  }
});
