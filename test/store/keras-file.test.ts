// Files of Keras wherever a model is named: as they are, imported, and names of files that are not there.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { cliIn } from '../helpers/run-cli.ts';

const GOLDEN = path.join(PACKAGE_ROOT, 'test', 'golden', 'keras');
const PHOTO = path.join(PACKAGE_ROOT, 'examples', 'book.png');

describe('files of Keras as models', () => {
  let home = '';
  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-keras-'));
  });
  after(() => rm(home, { recursive: true, force: true }));
  const { run, done } = cliIn(() => home);

  test('a file is a model as it is, and imported under a name', async () => {
    const file = path.join(GOLDEN, 'functional.keras');
    const asFile = await done('classify', PHOTO, '--model', file, '--format', 'json');
    const imported = await done('finch', 'models', 'import', path.join(GOLDEN, 'functional.h5'), '--name', 'own'); // prettier-ignore
    assert.equal(imported.stdout, 'own\n');
    const byName = await done('classify', PHOTO, '--model', 'own', '--format', 'json');
    const numbers = (text: string) => (JSON.parse(text) as [{ predictions: object }])[0].predictions;
    assert.deepEqual(numbers(asFile.stdout), numbers(byName.stdout));
  });

  test('a network that does not scale pixels is asked for how they are prepared', async () => {
    const file = path.join(GOLDEN, 'sequential.keras');
    const without = await run('classify', PHOTO, '--model', file);
    assert.equal(without.code, 2, without.stderr);
    assert.match(without.stderr, /--mean/);
    await done('classify', PHOTO, '--model', file, '--mean', '0', '--std', '1');
    await done('finch', 'models', 'import', file, '--name', 'scaled', '--mean', '0', '--std', '1');
    await done('classify', PHOTO, '--model', 'scaled');
  });

  test('flags of other sources, a file that is none, and no file', async () => {
    const file = path.join(GOLDEN, 'functional.keras');
    const arch = await run('finch', 'models', 'import', file, '--arch', 'resnet18');
    assert.match(arch.stderr, /--arch resnet18 belongs to a checkpoint, and .* is a file of Keras/);
    const damaged = path.join(home, 'BIRDS.HDF5');
    await writeFile(damaged, 'PK');
    for (const ended of [
      await run('classify', PHOTO, '--model', damaged),
      await run('classify', PHOTO, '--model', 'none.h5'),
    ]) {
      assert.equal(ended.code, 3, ended.stderr);
      assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr);
    }
  });
});
