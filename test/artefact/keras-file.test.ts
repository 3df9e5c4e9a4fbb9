// Files of Keras: Keras's own answers (test/golden/make_keras.py), of both kinds of file and of two versions; damaged and hostile ones.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readKerasFile } from '../../src/artefact/keras-file.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

const GOLDEN = path.join(PACKAGE_ROOT, 'test', 'golden', 'keras');
const { size, answers } = JSON.parse(readFileSync(path.join(GOLDEN, 'keras.json'), 'utf8')) as {
  readonly size: number;
  readonly answers: Readonly<Record<string, readonly (readonly number[])[]>>;
};

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-keras-file-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

describe('Keras’s answers', () => {
  for (const name of ['functional', 'sequential']) {
    for (const file of [`${name}.keras`, `${name}.h5`, `3.3/${name}.keras`, `3.3/${name}.h5`]) {
      test(file, async () => {
        const { graph, weights, preprocessing } = await readKerasFile(path.join(GOLDEN, file), name);
        assert.equal(preprocessing?.size, name === 'functional' ? size : undefined);
        const { mean, std } = preprocessing ?? { mean: [0, 0, 0] as const, std: [1, 1, 1] as const };
        const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
        const predictor = await engine.load({ graph, weights, mean, std });
        for (const [i, expected] of answers[name]!.entries()) {
          const data = madeUpPixels(`keras ${i}`, size, size);
          const [said] = await predictor.run({ data, count: 1, height: size, width: size });
          assertAllClose([...said!.data], expected, { rtol: 1e-4 }, `picture ${i}`);
        }
        await predictor.dispose();
      });
    }
  }
});

describe('files that are no network of Keras', () => {
  const refused = async (name: string, bytes: Uint8Array | string, message: RegExp) => {
    const file = path.join(scratch, name);
    await writeFile(file, bytes);
    await assert.rejects(readKerasFile(file, 'net'), (error: unknown) => {
      assert.ok(error instanceof AppError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  };

  test('no zip archive and no HDF5', () => refused('a.keras', 'something else', /a\.keras is no HDF5 file/));
  test('nothing', () => refused('b.h5', '', /b\.h5 is no HDF5 file/));
  test('a damaged archive', () => refused('c.keras', 'PK\u0003\u0004', /c\.keras is a damaged zip archive/));

  test('an archive whose metadata.json is no object', async () => {
    const whole = await readFile(path.join(GOLDEN, 'sequential.keras'), 'latin1');
    const from = whole.indexOf('{"keras_version"');
    const to = whole.indexOf('}', from) + 1;
    const text = whole.slice(0, from) + 'null'.padEnd(to - from) + whole.slice(to);
    await refused(
      'd.keras',
      Buffer.from(text, 'latin1'),
      /metadata\.json.*expected an object, received null/,
    );
  });

  test('cut short', async () => {
    for (const name of ['functional.keras', 'functional.h5']) {
      const bytes = await readFile(path.join(GOLDEN, name));
      const file = path.join(scratch, `cut-${name}`);
      await writeFile(file, bytes);
      await truncate(file, Math.floor(bytes.length * 0.6));
      await assert.rejects(readKerasFile(file, 'net'), AppError);
    }
  });

  test('bytes changed anywhere are the same network, other numbers or one line', async () => {
    const whole = await readFile(path.join(GOLDEN, 'sequential.h5'));
    for (let k = 0; k < 60; k++) {
      const bytes = Uint8Array.from(whole);
      const at = (k * 7919) % bytes.length;
      bytes[at] = 255 - bytes[at]!;
      const file = path.join(scratch, 'changed.h5');
      await writeFile(file, bytes);
      await readKerasFile(file, 'net').catch((error: unknown) => {
        assert.ok(error instanceof AppError, String(error));
        assert.doesNotMatch(error.message, /[\n\u001b]/);
      });
    }
  });
});
