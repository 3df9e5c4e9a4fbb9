// What torch.save wrote, in both containers, against the values that torch printed. Goldens: make_torch_checkpoints.py.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { readTensors } from '../../src/formats/read-tensors.ts';
import { DTYPE_BYTES, type RawTensor } from '../../src/formats/tensor-file.ts';
import { readTorchCheckpoint } from '../../src/formats/torch-checkpoint.ts';
import { AppError } from '../../src/util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../src/util/float16.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { elementCount } from '../../src/util/shape.ts';

const folder = path.join(PACKAGE_ROOT, 'test', 'golden', 'torch');
type Expected = Readonly<Record<string, { readonly shape: number[]; readonly values: number[] }>>;
const golden = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Record<
  string,
  Expected
>;

function values({ dtype, shape, bytes }: RawTensor): number[] {
  assert.equal(bytes.byteOffset % DTYPE_BYTES[dtype], 0, 'aligned to its element size');
  const { buffer, byteOffset } = bytes;
  const count = elementCount(shape);
  switch (dtype) {
    case 'float64':
      return [...new Float64Array(buffer, byteOffset, count)];
    case 'float32':
      return [...new Float32Array(buffer, byteOffset, count)];
    case 'float16':
      return [...float16ToFloat32(new Uint16Array(buffer, byteOffset, count))];
    case 'bfloat16':
      return [...bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count))];
    case 'int64':
      return [...new BigInt64Array(buffer, byteOffset, count)].map(Number);
    case 'int32':
      return [...new Int32Array(buffer, byteOffset, count)];
    case 'uint8':
    case 'bool':
      return [...new Uint8Array(buffer, byteOffset, count)];
    default:
      throw new Error(`no golden has ${dtype}`);
  }
}

for (const container of ['zip', 'legacy']) {
  describe(`${container} container`, () => {
    for (const name of ['plain', 'metadata', 'nested']) {
      test(`${name}: every tensor, shape and value`, async () => {
        const tensors = await readTensors(path.join(folder, `${name}.${container}.pth`));
        const expected = golden[name]!;
        const bare = new Map([...tensors].map(([key, tensor]) => [key.replace(/^module\./, ''), tensor]));
        assert.deepEqual([...bare.keys()], Object.keys(expected));
        for (const [key, tensor] of bare) {
          assert.deepEqual(tensor.shape, expected[key]!.shape, key);
          assert.deepEqual(values(tensor), expected[key]!.values, key);
        }
      });
    }

    test('a pickle that calls a function is refused by name, and calls nothing', async () => {
      const file = path.join(folder, `calls_system.${container}.pth`);
      await assert.rejects(readTensors(file), (error) => {
        assert.ok(error instanceof AppError);
        assert.equal(error.code, 'FILE_UNSAFE');
        assert.match(error.message, /asks to call posix\.system/);
        return true;
      });
      assert.ok(!existsSync('finch-was-here'));
    });
  });
}

test('a whole pickled model is refused with what to do', async () => {
  await assert.rejects(readTensors(path.join(folder, 'whole_model.zip.pth')), /save model\.state_dict\(\)/);
});

describe('damaged checkpoints', () => {
  let scratch = '';
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-torch-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  const isOurs = (error: unknown) =>
    error instanceof AppError && ['FILE_INVALID', 'FILE_UNSAFE'].includes(error.code);

  for (const container of ['zip', 'legacy']) {
    const bytes = readFileSync(path.join(folder, `plain.${container}.pth`));

    test(`${container}: cut short anywhere, it is our error`, async () => {
      const file = path.join(scratch, `cut.${container}`);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
          await writeFile(file, bytes.subarray(0, length));
          await assert.rejects(readTorchCheckpoint(file), isOurs);
        }),
        { numRuns: 60 },
      );
    });

    test(`${container}: with bytes flipped, it reads or it is our error`, async () => {
      const file = path.join(scratch, `flipped.${container}`);
      const flip = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }));
      await fc.assert(
        fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
          const damaged = Buffer.from(bytes);
          for (const [at, mask] of flips) damaged[at]! ^= mask;
          await writeFile(file, damaged);
          await readTorchCheckpoint(file).catch((error: unknown) => assert.ok(isOurs(error), String(error)));
        }),
        { numRuns: 150 },
      );
    });
  }

  for (const [what, content, message] of [
    ['an empty file', '', /it is empty/],
    ['a web page', '<!DOCTYPE html><html>', /web page/],
    ['a git-lfs pointer', 'version https://git-lfs.github.com/spec/v1\n', /git-lfs/],
    ['text', 'hello', /expected it to begin with PK/],
    ['a zip without data.pkl', 'PK\x05\x06' + '\0'.repeat(18), /without data\.pkl/],
  ] as const) {
    test(`${what} is named as such`, async () => {
      const file = path.join(scratch, 'odd.pth');
      await writeFile(file, content, 'latin1');
      await assert.rejects(readTensors(file), message);
    });
  }
});
