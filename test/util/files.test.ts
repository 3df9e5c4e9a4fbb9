// Reading from paths that somebody else chose: a regular file of a bounded size, or an error at once.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readLabelFile } from '../../src/labels.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { scanDataset } from '../../src/dataset/scan.ts';
import { openNpy } from '../../src/formats/npy.ts';
import { readTensors } from '../../src/formats/read-tensors.ts';
import { readPicture } from '../../src/images/prepare.ts';
import { AppError } from '../../src/util/errors.ts';
import { readRegularFile, sha256OfFile } from '../../src/util/files.ts';
import { makeFifo, NO_FIFO } from '../helpers/special-files.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-files-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const at = (...parts: string[]) => path.join(scratch, ...parts);
const refused = (action: Promise<unknown>, message: RegExp) =>
  assert.rejects(action, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.match(error.message, message);
    return true;
  });

/** Every reader of a path that a user or a folder names. */
const READERS = {
  labels: (file: string) => readLabelFile(file, 3),
  checkpoint: (file: string) => readTensors(file),
  features: (file: string) => openNpy(file),
  picture: (file: string) => readPicture(file),
  manifest: (file: string) => scanDataset(file, { manifest: 'file,label' }),
  hash: (file: string) => sha256OfFile(file),
} as const;

describe('what is no regular file is refused at once', () => {
  for (const [name, read] of Object.entries(READERS)) {
    test(`${name}: a named pipe`, { skip: NO_FIFO, timeout: 5000 }, () =>
      refused(read(makeFifo(at(`${name}.csv`))), /is a named pipe, expected a regular file/),
    );
    test(`${name}: a device`, { skip: !existsSync('/dev/zero') && 'needs /dev/zero', timeout: 5000 }, () =>
      refused(read('/dev/zero'), /is a device, expected a regular file/),
    );
  }
  test('a model folder whose model.json is a named pipe', { skip: NO_FIFO, timeout: 5000 }, async () => {
    await mkdir(at('model'));
    makeFifo(at('model', 'model.json'));
    await refused(readModelFolder(at('model')), /is a named pipe/);
  });
  test('a socket', { skip: NO_FIFO }, async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
    await refused(readRegularFile(at('socket'), { limit: 9 }), /is a socket/);
    server.close();
  });
  test('a folder', () => refused(readRegularFile(scratch, { limit: 9 }), /is a folder/));
});

describe('a regular file', () => {
  test('is read whole; one byte more than the limit is refused', async () => {
    await writeFile(at('ten'), '0123456789');
    assert.equal(String(await readRegularFile(at('ten'), { limit: 10 })), '0123456789');
    await refused(
      readRegularFile(at('ten'), { limit: 9, what: '--labels ten' }),
      /^--labels ten has 10 bytes, expected at most 9$/,
    );
  });
  test('that is large and has holes takes no memory before it is refused', async () => {
    await writeFile(at('holes'), '');
    await truncate(at('holes'), 2 ** 40);
    await refused(readPicture(at('holes')), /has 1099511627776 bytes/);
  });
  test('without a size of its own', { skip: !existsSync('/proc/self/maps') && 'needs /proc' }, async () => {
    assert.ok((await readRegularFile('/proc/self/maps', { limit: 2 ** 24 })).length > 100);
    await refused(readRegularFile('/proc/self/maps', { limit: 100 }), /has more than 100 bytes/);
  });
  test('that is empty', async () => {
    await writeFile(at('empty'), '');
    assert.equal((await readRegularFile(at('empty'), { limit: 10 })).length, 0);
  });
});
