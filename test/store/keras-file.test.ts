// Files of Keras are named as such, wherever a model is named; a name that is no file is not.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { resolveModel } from '../../src/store/models.ts';
import { readForeign } from '../../src/store/read-foreign.ts';
import { AppError } from '../../src/util/errors.ts';

test('a file of Keras is refused with what to do', async (t) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'finch-keras-'));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  const refused = (error: unknown) => {
    assert.ok(error instanceof AppError && error.code === 'MODEL_UNSUPPORTED', String(error));
    assert.match(
      error.message,
      /is a file of Keras; finch reads the same network as a tf.LayersModel folder/,
    );
    return true;
  };
  for (const name of ['birds.keras', 'birds.h5', 'BIRDS.HDF5']) {
    const file = path.join(scratch, name);
    await writeFile(file, 'PK');
    await assert.rejects(resolveModel(file, { offline: true }), refused);
    await assert.rejects(readForeign(file, { name: 'birds', provenance: { changes: 'none' } }), refused);
  }
  await assert.rejects(resolveModel('none.h5', { offline: true }), /unknown model 'none.h5'/);
});
