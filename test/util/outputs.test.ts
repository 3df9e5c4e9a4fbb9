// outputs.test.ts: where a command may write: each thing in the way has its own true message, and nothing is made by the check.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkOutputFolder, checkOutputs, refuseOverwriting } from '../../src/util/outputs.ts';
import { makeFolder, writeFileAtomic } from '../../src/util/files.ts';
import { makeFifo, NO_FIFO } from '../helpers/special-files.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-outputs-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const output = (file: string) => ({ flag: '--report', file });
const refused = (action: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(action, { code, message });

describe('a file that cannot be written', () => {
  const cannot = (file: string, advice: RegExp) =>
    refused(
      checkOutputs([output(file)]),
      'WRITE_FAILED',
      new RegExp(`^cannot write --report .*${advice.source}`),
    );

  test('a folder has its name', () => cannot(scratch, /: a folder has that name; choose another$/));
  test('its folder is missing', () =>
    cannot(at('none', 'x.html'), /: its folder does not exist; make it first$/));
  test('a part of the path is a file', async () => {
    await writeFile(at('file'), '');
    await cannot(at('file', 'x.html'), /: a part of the path is no folder/);
    await cannot(at('file', 'a', 'x.html'), /: a part of the path is no folder/);
  });
  test('a named pipe has its name', { skip: NO_FIFO }, () =>
    cannot(makeFifo(at('pipe.html')), /: a named pipe has that name/),
  );
  test('a device has its name', { skip: NO_FIFO }, () => cannot('/dev/null', /: a device has that name/));
  test('the name is too long', () => cannot(at('x'.repeat(300)), /: its name is too long/));
  test('links lead in a circle', { skip: NO_FIFO }, async () => {
    await symlink('circle', at('circle'));
    await cannot(at('circle'), /: its links lead in a circle/);
  });

  test('on a read-only disk, whatever is missing there', async (t) => {
    const disk = at('disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=100k', 'none', disk]).status !== 0) {
      t.skip('needs the right to mount a disk');
      return;
    }
    try {
      await cannot(path.join(disk, 'x.html'), /: the file system is read-only/);
      const folder = output(path.join(disk, 'a', 'b'));
      await refused(checkOutputFolder(folder), 'WRITE_FAILED', /read-only/);
      await refused(makeFolder(path.join(disk, 'a', 'b')), 'WRITE_FAILED', /read-only/);
      await refused(writeFileAtomic(path.join(disk, 'x'), ''), 'WRITE_FAILED', /read-only/);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  test('two flags name it', () =>
    refused(
      checkOutputs([output(at('x.html')), { flag: '--out', file: at('.', 'x.html') }]),
      'USAGE',
      /^--report and --out .*x\.html are one file/,
    ));
});

test('a new file, and one that is replaced, are made by nobody yet', async () => {
  await mkdir(at('good'));
  await writeFile(at('good', 'old.html'), '');
  await checkOutputs([output(at('good', 'new.html')), { flag: '--list', file: at('good', 'old.html') }]);
  await checkOutputFolder(output(at('good', 'a', 'b', 'c')));
  assert.deepEqual(await readdir(at('good')), ['old.html']);
  await refused(checkOutputFolder(output(at('good', 'old.html'))), 'WRITE_FAILED', /a file has that name/);
});

test('a file with a name as long as systems take is written', async () => {
  const file = at(`${'图'.repeat(80)}.html`);
  await writeFileAtomic(file, 'x');
  await writeFileAtomic(file, 'y');
});

describe('a file that is read is not written over', () => {
  async function* inputs(...files: readonly string[]) {
    yield* files;
  }
  test('under its own name, another path, a hard link or a symbolic one', async () => {
    const folder = at('inputs');
    await mkdir(folder);
    const input = path.join(folder, 'in.png');
    await writeFile(input, 'x');
    await link(input, path.join(folder, 'hard.png'));
    await symlink('in.png', path.join(folder, 'soft.png'));
    for (const name of ['in.png', 'hard.png', 'soft.png', '../inputs/in.png']) {
      const given = output(`${folder}/${name}`);
      await refused(refuseOverwriting([given], inputs(at('none'), input)), 'USAGE', /is also read/);
    }
    await writeFile(path.join(folder, 'other.png'), 'x');
    await refuseOverwriting([output(path.join(folder, 'other.png'))], inputs(input));
  });
  test('what is not there yet is not looked for among them', async () => {
    async function* never(): AsyncGenerator<string> {
      yield assert.fail('the inputs are looked through');
    }
    await refuseOverwriting([output(at('new.png'))], never());
  });
});
