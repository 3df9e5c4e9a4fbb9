// Files of Keras: Keras's own answers (test/golden/make_keras.py), of both kinds of file and of two versions; damaged and hostile ones.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { File as HdfFile, FS, ready } from 'h5wasm';
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

// Written by Keras 3.15 under the policies `float16` and `bfloat16` (no numbers of HDF5: two bytes without a type); read with h5py.
for (const [file, expected] of [
  [
    'float16.h5',
    [
      -0.2978515625, -0.7822265625, -0.0634765625, -0.80859375, -0.689453125, 0.2314453125, 0.623046875,
      -0.55078125,
    ],
  ],
  [
    'bfloat16.keras',
    [-0.36328125, -0.734375, -0.98046875, -0.81640625, 0.6640625, -0.625, 0.53125, -0.796875],
  ],
] as const) {
  // prettier-ignore
  test(`half precision: ${file}`, async () => {
    const { graph, weights } = await readKerasFile(path.join(GOLDEN, 'half', file), 'half');
    const dense = graph.layers.find(({ kind }) => kind === 'dense')!;
    assert.deepEqual([...weights.get(`${dense.name}/kernel`)!.data], expected);
  });
}

describe('the weights of HDF5 files, by the names of layers', () => {
  const conv = (name: string) => ({ class_name: 'Conv2D', config: { name, filters: 3, kernel_size: [1, 1], use_bias: false } }); // prettier-ignore
  const within = (name: string, layers: readonly object[]) => ({ class_name: 'Sequential', config: { name, layers } }); // prettier-ignore
  const read = async (layers: readonly object[], paths: readonly string[]) => {
    await ready;
    const whole = new HdfFile('/named.h5', 'w');
    const [first, ...rest] = layers as [ReturnType<typeof conv>, ...object[]];
    const input = { class_name: 'InputLayer', config: { name: 'x', batch_input_shape: [null, 8, 8, 3] } };
    whole.create_attribute('model_config', JSON.stringify(within('net', [input, first, ...rest])));
    for (const [i, at] of paths.entries()) {
      const groups = `model_weights/${at}`.split('/').slice(0, -1);
      for (const [depth] of groups.entries()) {
        const group = groups.slice(0, depth + 1).join('/');
        if (whole.get(group) === null) whole.create_group(group);
      }
      whole.create_dataset({ name: `model_weights/${at}`, data: new Float32Array(9).fill(i), shape: [1, 1, 3, 3], dtype: '<f4' }); // prettier-ignore
    }
    whole.close();
    const file = path.join(scratch, 'named.h5');
    await writeFile(file, FS!.readFile('/named.h5'));
    const { graph, weights } = await readKerasFile(file, 'net');
    const kernels = graph.layers.filter(({ kind }) => kind === 'conv2d');
    return kernels.map(({ name }) => weights.get(`${name}/kernel`)!.data[0]);
  };
  const UNITS = ['conv', 'stage1/unit1/conv', 'stage1/unit2/conv', 'unit1/conv'];

  test('names with slashes, as Keras 2 and Keras 3 write them', async () => {
    const order = [2, 0, 3, 1];
    for (const write of [(name: string) => `${name}/${name}/kernel:0`, (name: string) => `${name}/net/${name}/kernel`]) {
      const given = order.map((i) => UNITS[i]!);
      assert.deepEqual(await read(given.map(conv), UNITS.map(write)), order);
    }
  }); // prettier-ignore

  test('models in models', async () => {
    const deep = within('base', [conv('conv'), within('a', [conv('conv')]), within('b', [conv('s/conv')])]);
    const paths = ['base/b/s/conv/kernel', 'base/conv/kernel', 'conv/conv/kernel', 'base/a/conv/kernel'];
    assert.deepEqual(await read([deep, conv('conv')], paths), [1, 3, 0, 2]);
  });

  test('one weight is not that of two layers', async () => {
    await assert.rejects(read([within('base', [conv('a')]), conv('a')], ['a/a/kernel:0']), {
      code: 'MODEL_INVALID',
      message: /'a\/kernel' is missing; the weights that could be meant are another layer's/,
    });
    const units = ['s/u1/conv', 's/u2/conv'];
    await assert.rejects(read([...units, 's/u3/conv'].map(conv), units.map((name) => `${name}/${name}/kernel:0`)), /several weights could be 's\/u3\/conv\/kernel'/); // prettier-ignore
  });
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
