// pickle-grammar.ts: random values as pickle opcodes: tensors, dictionaries, calls, and a memo whose values are changed later on.

import { p, type MadeStorages } from '../helpers/torch-file.ts';
import type { Rng } from '../../src/util/rng.ts';
import { hostileText, pick } from './mutate.ts';

/** Numbers in each storage that tensors look into. */
const COUNT = 24;
const NUMBERS = new Uint8Array(new Float32Array(COUNT).fill(0.5).buffer);
export const STORAGES: MadeStorages = [
  ['0', NUMBERS],
  ['1', NUMBERS],
];

const GLOBALS = [
  'collections OrderedDict', 'collections defaultdict', 'collections Counter', 'argparse Namespace', 'builtins set', 'builtins dict',
  'torch device', 'torch Size', 'torch float32', 'torch FloatStorage', 'torch._utils _rebuild_tensor_v2', 'torch._utils _rebuild_parameter',
  'torch._tensor _rebuild_from_type_v2', 'torch.nn.modules.linear Linear', 'numpy dtype', 'numpy ndarray', 'numpy.core.multiarray scalar',
  'numpy.core.multiarray _reconstruct', 'os system', 'builtins eval', '__builtin__ getattr', 'copy_reg _reconstructor', 'datetime datetime',
]; // prettier-ignore

const NAMES = [
  'conv1.weight',
  'module.fc.weight',
  'fc.bias',
  'state_dict',
  'model',
  'epoch',
  'optimizer',
  'bn.running_mean',
];

/** Opcodes that change what is on the stack or in the memo, whatever it is. */
const LATE = [
  'q\x00', 'q\x01', 'h\x00', 'h\x01', 'h\x02', '\x94', '2', '0', '1', '(', 'a', 'e', 's', 'u', 'b', 'R', '\x81', '\x92', 'o', 't', 'l', 'd',
  '\x85', '\x86', '\x87', ')', ']', '}', '\x8f', '\x90', '\x91', '\x93', 'Q', 'N', 'K\x05', 'J\xff\xff\xff\xff', 'I01\n', 'I-3\n', 'L9L\n',
  'F1e999\n', 'Pkey\n', 'X\xff\xff\xff\xff', '\x8a\x09aaaaaaaaa', '\x8b\xff\xff\xff\x7f', '\x8d\xff\xff\xff\xff\xff\xff\xff\xff', 'p9\n', 'g9\n',
  'gx\n', 'cos\nsystem\n', 'iargparse\nNamespace\n', '\x95\0\0\0\0\0\0\0\0', 'G\x7f\xf0\0\0\0\0\0\0', 'B\xff\0\0\0', '.',
]; // prettier-ignore

const size = (rng: Rng) => pick(rng, [0, 1, 2, 3, 4, 6, 24, 1000, -1, 2 ** 31, 2 ** 52]);

const SHAPES: readonly (readonly number[])[] = [[COUNT], [4, 6], [2, 3, 4], [1], [], [3, 0]];

/** Sound more often than not. */
function tensor(rng: Rng): Buffer {
  const isSound = rng.chance(0.75);
  const odd = <T>(sound: T, other: () => T) => (isSound || rng.chance(0.6) ? sound : other());
  const shape =
    isSound || rng.chance(0.5) ? pick(rng, SHAPES) : Array.from({ length: rng.integer(5) }, () => size(rng));
  return p.tensor({
    key: odd(pick(rng, STORAGES)[0], () => hostileText(rng)),
    type: odd('FloatStorage', () => pick(rng, ['LongStorage', 'HalfStorage', 'ComplexFloatStorage'])),
    count: odd(COUNT, () => size(rng)),
    offset: odd(0, () => size(rng)),
    shape,
    ...(SHAPES.includes(shape) && rng.chance(0.8) ? {} : { strides: shape.map(() => size(rng)) }),
  });
}

/** What most checkpoints are: a dictionary of tensors, here with something else in it. */
export function checkpoint(rng: Rng): Buffer {
  if (rng.chance(0.3)) return pickled(rng);
  const tensors = NAMES.slice(0, 1 + rng.integer(4)).map((name): [string, Buffer] => [name, tensor(rng)]);
  return p.dict(
    ...tensors,
    ...(rng.chance(0.5) ? [[hostileText(rng), pickled(rng, 1)] as [string, Buffer]] : []),
  );
}

/** One value, with what it changes on the way. */
function pickled(rng: Rng, depth = 0): Buffer {
  const inner = () => pickled(rng, depth + 1);
  const several = () => Array.from({ length: rng.integer(depth > 3 ? 1 : 5) }, inner);
  const key = () =>
    rng.chance(0.8) ? p.text(rng.chance(0.8) ? pick(rng, NAMES) : hostileText(rng)) : inner();
  const entries = () => several().map((value): [Buffer, Buffer] => [key(), value]);
  const called = () => pick(rng, GLOBALS).split(' ') as [string, string];
  const leaf = [
    () => p.none,
    () => p.int(size(rng)),
    () => p.float(pick(rng, [0, -1.5, NaN, Infinity])),
    () => p.text(hostileText(rng)),
    () => p.global(...called()),
    () => tensor(rng),
    () => tensor(rng),
  ];
  const node = [
    () => p.dict(...entries()),
    () => p.dict(...entries()),
    () => p.list(...several()),
    () => p.tuple(...several()),
    () => p.call(...called(), ...several()),
    () => p.object(...called(), inner()),
    () => p.filled(p.call('collections', 'OrderedDict'), ...entries()),
    // A list that is remembered, used and then changed.
    () => Buffer.concat([p.list(...several()), p.raw('q\x00'), p.raw('h\x00'), inner(), p.raw('a')]),
  ];
  const value = depth > 4 || (depth > 0 && rng.chance(0.6)) ? pick(rng, leaf)() : pick(rng, node)();
  if (!rng.chance(0.12)) return value;
  return Buffer.concat([value, ...Array.from({ length: 1 + rng.integer(4) }, () => p.raw(pick(rng, LATE)))]);
}
