// hostile-pickles.test.ts: checkpoints that ask for all time or all memory, or mean something else once they were checked.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readTensors } from '../../src/formats/read-tensors.ts';
import { AppError } from '../../src/util/errors.ts';
import { p, storedZip, torchLegacy, torchZip } from '../helpers/torch-file.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-pickles-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function read(content: Buffer) {
  const file = path.join(scratch, 'case.pth');
  await writeFile(file, content);
  return readTensors(file);
}

const repeat = (text: string, count: number) => Buffer.alloc(text.length * count, text, 'latin1');
const NUMBERS = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
const STORAGE = [['0', NUMBERS]] as const;
const FOUR = p.tensor({ count: 4, shape: [4] });

const BOMBS: Readonly<Record<string, Buffer>> = {
  'empty dictionaries': repeat('}', 4_900_000),
  'empty lists': repeat(']', 4_900_000),
  'empty sets': repeat('\x8f', 4_900_000),
  'empty strings': repeat('X\0\0\0\0', 6_500_000),
  'tuples of nothing': repeat(')', 9_000_000),
  'opcodes that do nothing': repeat('N0', 10_000_000),
  'copies in the memo': Buffer.concat([p.raw('N'), repeat('\x94', 6_000_000)]),
  'copies of a string': Buffer.concat([p.text('x'.repeat(1000)), repeat('2', 6_000_000)]),
  'lists of one value': repeat(']Na', 2_000_000),
  'a large dictionary copied again and again': Buffer.concat([
    p.raw('('),
    ...Array.from({ length: 20_000 }, (_, i) => p.tuple(p.int(i), p.none)),
    p.raw('lq\x000'),
    repeat('ccollections\nOrderedDict\nh\0\x85R', 20_000),
  ]),
  'calls of a harmless class': repeat('cargparse\nNamespace\n)R', 2_000_000),
};
for (const [what, opcodes] of Object.entries(BOMBS)) {
  test(`${what}: refused within two seconds and bounded memory`, { timeout: 20_000 }, async () => {
    const content = torchZip(opcodes, STORAGE);
    const cpu = process.cpuUsage();
    const before = process.memoryUsage().rss;
    await assert.rejects(read(content), (error) => {
      assert.ok(error instanceof AppError);
      assert.match(error.message, /the pickle in it (takes more than|asks for far more memory)/);
      return true;
    });
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grown < 300, `${grown.toFixed(0)} MiB`);
    const { user, system } = process.cpuUsage(cpu);
    assert.ok(user + system < 2e6, `${(user + system) / 1e6} s of a processor`);
  });
}

test('a view that repeats its few numbers without end is not unfolded', async () => {
  const bomb = p.tensor({ count: 1, shape: [2 ** 30], strides: [0] });
  const tensors = await read(torchZip(p.dict(['a', bomb], ['b', FOUR]), [['0', NUMBERS]])).catch(
    (error: unknown) => error,
  );
  // One storage is described in two ways: refused. With a storage of its own it is read, and its numbers are refused.
  assert.ok(tensors instanceof AppError);
  const one = await read(torchZip(p.dict(['a', bomb]), [['0', NUMBERS.subarray(0, 4)]]));
  assert.throws(() => one.get('a')!.bytes, /repeats the 1 numbers of its storage/);
});

test('a small view that repeats numbers is unfolded, as torch does', async () => {
  const view = p.tensor({ count: 4, shape: [3, 2], strides: [1, 0] });
  const tensors = await read(torchZip(p.dict(['a', view]), STORAGE));
  const { bytes } = tensors.get('a')!;
  assert.deepEqual([...new Float32Array(bytes.buffer, bytes.byteOffset, 6)], [1, 1, 2, 2, 3, 3]);
});

test('keys that are numbers stand beside names', async () => {
  const tensors = await read(torchZip(p.dict([p.int(5), FOUR], ['a', FOUR]), STORAGE));
  assert.deepEqual([...tensors.keys()], ['a']);
});

test('a shape that the pickle changes after it was checked stays as it was', async () => {
  const shape = Buffer.concat([p.list(p.int(4)), p.raw('q\x01')]);
  const tensor = p.call(
    'torch._utils',
    '_rebuild_tensor_v2',
    Buffer.concat([
      p.tuple(p.text('storage'), p.global('torch', 'FloatStorage'), p.text('0'), p.text('cpu'), p.int(4)),
      p.raw('Q'),
    ]),
    p.int(0),
    shape,
    p.tuple(p.int(1)),
  );
  for (const appended of [p.int(1_000_000), p.text('x')]) {
    const value = p.dict(['a', tensor], ['z', Buffer.concat([p.raw('h\x01'), appended, p.raw('a')])]);
    const tensors = await read(torchZip(value, STORAGE));
    assert.deepEqual(tensors.get('a')!.shape, [4]);
  }
});

test('a dictionary of what are no pairs is refused', async () => {
  for (const pairs of [p.list(p.int(1)), p.list(p.tuple(p.int(1))), p.list(p.none)]) {
    await assert.rejects(
      read(torchZip(p.call('collections', 'OrderedDict', pairs), STORAGE)),
      /dictionary of what are no pairs/,
    );
  }
});

test('keys of storages that are no texts, or stand twice, are refused in one short line', async () => {
  const deep = Buffer.concat([repeat(']', 50_000), repeat('a', 49_999)]);
  const value = p.dict(['a', FOUR]);
  for (const keys of [
    p.list(deep),
    p.list(p.int(0)),
    p.list(p.text('0'), p.text('0')),
    p.list(p.text('\x1b[2J'.repeat(1000))),
  ]) {
    await assert.rejects(read(torchLegacy(value, STORAGE, 4, keys)), (error) => {
      assert.ok(error instanceof AppError && error.message.length < 600, String(error));
      return /lists storage/.test(error.message);
    });
  }
  const whole = await read(torchLegacy(value, STORAGE));
  assert.deepEqual([...whole.keys()], ['a']);
});

test('dictionaries that hold themselves, and deep ones, are searched once', async () => {
  const self = Buffer.concat([
    p.raw('}q\x01'),
    p.text('again'),
    p.raw('h\x01s'),
    p.text('a'),
    FOUR,
    p.raw('s'),
  ]);
  assert.deepEqual([...(await read(torchZip(self, STORAGE))).keys()], ['a']);
  const deep = Buffer.concat([repeat('}X\x01\0\0\0a', 100_000), FOUR, repeat('s', 100_000)]);
  await assert.rejects(read(torchZip(deep, STORAGE)), /holds no state dict/);
});

test('of two entries of one name the first counts, as in torch', async () => {
  const pickle = Buffer.concat([p.raw('\x80\x02'), p.dict(['a', FOUR]), p.raw('.')]);
  const other = Uint8Array.from(NUMBERS).fill(0);
  const tensors = await read(
    storedZip([
      ['archive/data.pkl', pickle],
      ['archive/data/0', NUMBERS],
      ['archive/data/0', other],
      ['archive/data.pkl', p.raw('N.')],
    ]),
  );
  const { bytes } = tensors.get('a')!;
  assert.deepEqual([...new Float32Array(bytes.buffer, bytes.byteOffset, 4)], [1, 2, 3, 4]);
});

test('what is quoted of a hostile name is short and printable', async () => {
  const name = `\x1b]0;title\x07${'x'.repeat(100_000)}`;
  for (const content of [
    torchZip(p.call('evil', name), STORAGE),
    torchZip(p.dict(['a', p.tensor({ key: name, count: 4, shape: [4] })]), STORAGE),
  ]) {
    await assert.rejects(read(content), (error) => {
      assert.ok(error instanceof AppError);
      assert.ok(error.message.length < 700, `${error.message.length} characters`);
      assert.doesNotMatch(error.message, /\p{Cc}/u);
      return true;
    });
  }
});

test('archives of more entries than any checkpoint are refused before they are listed', async () => {
  const entries = Array.from({ length: 60_000 }, (_, i) => [`a/${i}`, new Uint8Array(0)] as const);
  await assert.rejects(read(storedZip(entries)), /has 60000 entries/);
});
