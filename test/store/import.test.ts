// import.test.ts: the weights of a network in every wrapping that training scripts save them in, and what is refused, by name.
// The networks are large and their files small: tensors are overlapping views of one short storage.

import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Model } from '../../src/artefact/model.ts';
import { weightShapes, inferShapes } from '../../src/graph/shapes.ts';
import { importCheckpoint, type ImportOptions } from '../../src/store/import.ts';
import { AppError } from '../../src/util/errors.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../src/util/float16.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { firstRecord } from '../../src/zoo/published.ts';
import { wantedOf } from '../../src/zoo/fit.ts';
import { p, torchLegacy, torchZip } from '../helpers/torch-file.ts';

const COUNT = 9000;
const NUMBERS = Float32Array.from({ length: COUNT }, (_, i) => Math.sin(i) / 8 + 0.25);
const STORAGE = [['0', new Uint8Array(NUMBERS.buffer)]] as const;

type Entries = readonly (readonly [string, Buffer])[];

/** The tensors of a state dict, named as torchvision names them. @param from where in the storage the first one begins */
function stateDict(architecture = 'resnet18', classes = 3, type = 'FloatStorage', from = 0): Entries {
  const { build } = findArchitecture(architecture);
  const graph = build(classes);
  const shapes = inferShapes(graph);
  const torchShapes = graph.layers.flatMap((layer) =>
    weightShapes(layer, shapes.get(layer.inputs[0] ?? '')).map(([role, shape]) => {
      const [height, width, a, b] = shape;
      if (shape.length < 4) return shape.toReversed();
      return role === 'kernel' ? [b!, a!, height!, width!] : [a!, b!, height!, width!];
    }),
  );
  return wantedOf(architecture)[0]!.keys.map(
    (key, i) => [key, view(torchShapes[i]!, from + i, type)] as const,
  );
}

const view = (shape: readonly number[], offset = 0, type = 'FloatStorage') =>
  p.tensor({ type, count: COUNT, offset, shape, strides: [1, 3, 7, 11].slice(0, shape.length) });
const renamed = (entries: Entries, rename: (name: string) => string): Entries =>
  entries.map(([name, tensor]) => [rename(name), tensor]);
const dict = (entries: Entries) => p.dict(...entries);

const PLAIN = stateDict();
/** The same network with other numbers. */
const OTHER = stateDict('resnet18', 3, 'FloatStorage', 1000);
const SCALAR = p.tensor({ count: COUNT, shape: [] });

/** What stands around, or between, the same weights. */
const WRAPPINGS: Readonly<Record<string, Buffer>> = {
  'a tensor beside it': p.dict(['best_acc1', SCALAR], ['state_dict', dict(PLAIN)]),
  net: p.dict(['net', dict(PLAIN)], ['acc', p.float(0.5)]),
  'network, of DataParallel': p.dict(['network', dict(renamed(PLAIN, (name) => `module.${name}`))]),
  weights: p.dict(['weights', dict(PLAIN)]),
  'model_ema.module': p.dict(['model_ema', p.dict(['module', dict(PLAIN)])]),
  'a pair of an epoch and a state dict': p.tuple(p.int(3), dict(PLAIN)),
  'an averaged model': p.dict(['n_averaged', SCALAR], ...renamed(PLAIN, (name) => `module.${name}`)),
  'an optimizer of more tensors': p.dict(
    ['optimizer', p.dict(...renamed(PLAIN, (name) => `a.${name}`), ...Array.from({ length: 200 }, (_, i) => [`t${i}`, SCALAR] as const))], // prettier-ignore
    ['model', dict(PLAIN)],
  ),
  'an optimizer with a dictionary of each weight': p.dict(
    ['optimizer', p.dict(['state', p.dict(...PLAIN.map((_, i) => [p.int(i), p.dict(['exp_avg', SCALAR])] as const))])], // prettier-ignore
    ['model', dict(PLAIN)],
  ),
  'compiled, then Lightning': p.dict([
    'state_dict',
    dict(renamed(PLAIN, (name) => `model._orig_mod.${name}`)),
  ]),
  'compiled and DataParallel': dict(renamed(PLAIN, (name) => `_orig_mod.module.${name}`)),
  'FSDP around the whole and around blocks': dict(
    renamed(PLAIN, (name) => `_fsdp_wrapped_module.${name.replace(/^(layer1\.0|layer3)\./, '$1._fsdp_wrapped_module.')}`), // prettier-ignore
  ),
  'activation checkpointing of one block': dict(
    renamed(PLAIN, (name) => name.replace(/^layer2\.1\./, 'layer2.1._checkpoint_wrapped_module.')),
  ),
  'a part compiled, the head too': dict(renamed(PLAIN, (name) => name.replace(/^(layer4|fc)\./, '$1._orig_mod.'))), // prettier-ignore
  'DataParallel around the first layer alone': dict(
    renamed(PLAIN, (name) => name.replace(/^conv1\./, 'conv1.module.')),
  ),
  'backbone, with a loss outside': p.dict(
    ...renamed(PLAIN, (name) => `backbone.${name}`),
    ['loss_fn.weight', view([3])],
    ['train_metric.total', SCALAR],
  ),
  Parameters: dict(
    PLAIN.map(([name, tensor]) => [name, p.call('torch._utils', '_rebuild_parameter', tensor, p.raw('\x89'), p.call('collections', 'OrderedDict'))]), // prettier-ignore
  ),
  'a head of a dropout and a linear layer': dict(renamed(PLAIN, (name) => name.replace(/^fc\./, 'fc.1.'))),
  'the same behind a prefix': dict(renamed(PLAIN, (name) => `net.${name.replace(/^fc\./, 'fc.0.linear.')}`)),
  'counters of every layer': dict([...PLAIN, ['conv1.total_ops', SCALAR], ['layer1.0.bn1.num_batches_tracked', SCALAR]]), // prettier-ignore
};

const namespace = p.object('argparse', 'Namespace', p.dict(['lr', p.float(0.1)]));
const numpyDtype = p.call('numpy', 'dtype', p.text('f8'), p.raw('\x89'), p.raw('\x88'));
const HARMLESS: Readonly<Record<string, Buffer>> = {
  Namespace: namespace,
  Counter: p.call('collections', 'Counter', p.dict()),
  defaultdict: p.filled(p.call('collections', 'defaultdict', p.global('__builtin__', 'list')), ['a', p.list()]), // prettier-ignore
  deque: Buffer.concat([p.call('collections', 'deque', p.list()), p.raw('(NNe')]),
  'a set of protocol 2': p.call('__builtin__', 'set', p.list(p.int(1))),
  'a set of protocol 4': p.raw('\x8f(K\x01K\x02\x90'),
  'a frozen set': p.raw('(K\x01\x91'),
  datetime: p.call('datetime', 'datetime', p.call('_codecs', 'encode', p.text('x'), p.text('latin1'))),
  timedelta: p.call('datetime', 'timedelta', p.int(1), p.int(2), p.int(3)),
  'a number of numpy': p.call('numpy.core.multiarray', 'scalar', numpyDtype, p.text('12345678')),
  'a number of numpy 2': p.call('numpy._core.multiarray', 'scalar', numpyDtype, p.text('12345678')),
  'an array of numpy': Buffer.concat([
    p.call('numpy.core.multiarray', '_reconstruct', p.global('numpy', 'ndarray'), p.tuple(p.int(0)), p.text('b')), // prettier-ignore
    p.tuple(p.int(1), p.tuple(p.int(1)), numpyDtype, p.raw('\x89'), p.text('12345678')),
    p.raw('b'),
  ]),
  'torch.device': p.call('torch', 'device', p.text('cuda'), p.int(0)),
  'torch.Size': p.call('torch', 'Size', p.tuple(p.int(2), p.int(3))),
  dtype: p.global('torch', 'float32'),
  'a path': p.call('pathlib', 'PosixPath', p.text('/'), p.text('data')),
  'a path of Python 3.13': p.call('pathlib._local', 'PosixPath', p.text('/'), p.text('data')),
  'a class of Lightning as a key': p.dict([p.global('pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint'), p.none]), // prettier-ignore
  EasyDict: p.filled(p.call('easydict', 'EasyDict'), ['lr', p.float(1)]),
  omegaconf: p.object('omegaconf.dictconfig', 'DictConfig', p.dict(['_content', p.dict()])),
  'complex numbers': p.tensor({ key: 'c', type: 'ComplexFloatStorage', count: 1, shape: [1] }),
  UUID: p.object('uuid', 'UUID', p.dict(['int', p.int(5)])),
  'a range of protocol 2': p.call('__builtin__', 'xrange', p.int(0), p.int(3), p.int(1)),
  "a generator's seed": p.call('numpy.random.bit_generator', '__pyx_unpickle_SeedSequence', p.global('numpy.random.bit_generator', 'SeedSequence'), p.int(1), p.none), // prettier-ignore
  'a loss among the hyperparameters': p.object('torch.nn.modules.loss', 'CrossEntropyLoss', p.dict(['training', p.raw('\x88')])), // prettier-ignore
  'an interpolation of torchvision': p.call('torchvision.transforms.functional', 'InterpolationMode', p.text('bicubic')), // prettier-ignore
  'an object of an old class': p.raw('(iargparse\nNamespace\n}b'),
};

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-import-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function imported(
  content: Buffer,
  onNote?: (text: string) => void,
  architecture: string | null = 'resnet18',
  more: Partial<ImportOptions> = {},
) {
  const file = path.join(scratch, 'weights.pth');
  await writeFile(file, content);
  const { preprocessing } = firstRecord('resnet18')!;
  return importCheckpoint(file, {
    ...(architecture !== null && { architecture }),
    preprocessingOf: () => preprocessing,
    name: 'x',
    provenance: { source: 'a test' },
    ...(onNote && { onNote }),
    ...more,
  });
}

const refused = (content: Buffer, message: RegExp) =>
  assert.rejects(imported(content), (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

function assertSame(actual: Model, expected: Model): void {
  assert.deepEqual([...actual.weights.keys()], [...expected.weights.keys()]);
  for (const [name, { data }] of expected.weights) {
    assert.ok(bytesOf(data).equals(bytesOf(actual.weights.get(name)!.data)), name);
  }
}

describe('the same weights, wherever they lie', () => {
  let expected: Model;
  before(async () => {
    expected = await imported(torchZip(dict(PLAIN), STORAGE));
  });
  test('the plain ones have the classes of their head, and its numbers in our order', () => {
    const { shape, data } = expected.weights.get('fc/kernel')!;
    assert.deepEqual(shape, [512, 3]);
    const offset = PLAIN.findIndex(([name]) => name === 'fc.weight');
    // torch's [class, feature] with strides 1 and 3
    assert.equal(data[5 * 3 + 2], NUMBERS[offset + 2 * 1 + 5 * 3]);
  });
  for (const [what, value] of Object.entries(WRAPPINGS)) {
    test(what, async () => assertSame(await imported(torchZip(value, STORAGE)), expected));
  }
  test('in the legacy container', async () => {
    assertSame(await imported(torchLegacy(WRAPPINGS['model_ema.module']!, STORAGE)), expected);
  });
  for (const [what, value] of Object.entries(HARMLESS)) {
    test(`beside ${what}`, async () => {
      const content = torchZip(p.dict(['it', value], ['state_dict', dict(PLAIN)]), STORAGE);
      assertSame(await imported(content), expected);
    });
  }
  test('another architecture, whose names begin with underscores', async () => {
    const lite = stateDict('efficientnet_lite0', 2);
    const model = await imported(torchZip(p.dict(['net', dict(renamed(lite, (name) => `module.${name}`))]), STORAGE), undefined, 'efficientnet_lite0'); // prettier-ignore
    assert.deepEqual(model.weights.get('fc/kernel')!.shape, [1280, 2]);
  });
});

test("TensorFlow's background, the first of 1001 classes of a published file, is left out and said", async () => {
  const notes: string[] = [];
  const entries = stateDict('resnet18', 1001);
  const file = torchZip(dict(entries), STORAGE);
  const model = await imported(file, (text) => notes.push(text), 'resnet18', { isPublished: true });
  const { shape, data } = model.weights.get('fc/kernel')!;
  assert.deepEqual(shape, [512, 1000]);
  assert.deepEqual(model.labels, { set: 'imagenet' });
  const offset = entries.findIndex(([name]) => name === 'fc.weight');
  // torch's [class, feature] with strides 1 and 3: class 2 is torch's 3
  assert.equal(data[5 * 1000 + 2], NUMBERS[offset + 3 * 1 + 5 * 3]);
  assert.equal(model.weights.get('fc/bias')!.data[0], NUMBERS[offset + 1 + 1]);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /left out: the first of 1001 classes/);
});

test("1001 classes: the first is the background of networks that TensorFlow trained, and a class of anybody's own", async () => {
  for (const [architecture, kept] of [
    ['inception_v4', 1000],
    ['resnet18', 1001],
  ] as const) {
    const notes: string[] = [];
    const file = torchZip(dict(stateDict(architecture, 1001)), STORAGE);
    const { graph, labels } = await imported(file, (text) => notes.push(text), architecture);
    assert.deepEqual(inferShapes(graph).get(graph.output), [kept]);
    assert.deepEqual(labels, kept === 1000 ? { set: 'imagenet' } : undefined);
    assert.match(notes.join(), kept === 1000 ? /left out: the first of 1001/ : /kept: all 1001 classes/);
  }
});

test('half precision is read value for value', async () => {
  const halves = float32ToFloat16(NUMBERS);
  const storage = [['0', new Uint8Array(halves.buffer)]] as const;
  const half = await imported(torchZip(dict(stateDict('resnet18', 3, 'HalfStorage')), storage));
  const rounded = new Uint8Array(float16ToFloat32(halves).buffer);
  assertSame(half, await imported(torchZip(dict(PLAIN), [['0', rounded]])));
});

test('integers are no weights', () =>
  refused(
    torchZip(dict(stateDict('resnet18', 3, 'CharStorage')), [['0', new Uint8Array(COUNT)]]),
    /'conv1\.weight' holds int8 numbers, weights are floating-point/,
  ));

test("OverFeat's own file, which is nothing but numbers, is told when it is cut short", async () => {
  const cut = async (name: string, architecture?: string) => {
    const file = path.join(scratch, name);
    await writeFile(file, '');
    await truncate(file, 583_683_484);
    const { preprocessing } = firstRecord('overfeat_fast')!;
    const options = { preprocessingOf: () => preprocessing, name: 'x', provenance: { source: 'a test' } };
    return importCheckpoint(file, { ...options, ...(architecture !== undefined && { architecture }) });
  };
  const message = (name: string) => new RegExp(`has 583683484 bytes, and ${name}'s own file of weights has \\d+: it is cut short`); // prettier-ignore
  await assert.rejects(cut('net_weight_0'), { code: 'FILE_INVALID', message: message('overfeat_fast') });
  await assert.rejects(cut('weights', 'overfeat_accurate'), { code: 'FILE_INVALID', message: message('overfeat_accurate') }); // prettier-ignore
  await assert.rejects(cut('weights'), { code: 'FILE_INVALID', message: /is no torch checkpoint/ });
});

test('a network is built for the pictures that it will see', async () => {
  for (const architecture of ['shufflenet_v2_x0_5', 'resnet18']) {
    const file = torchZip(dict(stateDict(architecture)), STORAGE);
    const preprocessing = { ...firstRecord('resnet18')!.preprocessing, size: 160 };
    const { graph } = await imported(file, undefined, architecture, { preprocessingOf: () => preprocessing });
    assert.deepEqual(graph.layers[0]!.kind === 'input' && graph.layers[0].shape, [160, 160, 3]);
    assert.deepEqual(inferShapes(graph).get(graph.output), [3]);
  }
});

test('what the network does not have is left out and named', async () => {
  const notes: string[] = [];
  const extra = [['normalizer.mean', view([3])], ['criterion.weight', view([3])], ['\x1b[31mqueue', view([4, 4])]] as const; // prettier-ignore
  await imported(torchZip(dict([...PLAIN, ...extra]), STORAGE), (text) => notes.push(text));
  assert.deepEqual(notes, [
    'left out, as resnet18 has no such weights: normalizer.mean, criterion.weight, \\x1b[31mqueue',
  ]);
});

test('a layer that the network does not have is no buffer: the network is another one', async () => {
  for (const [name, shape] of [
    ['layer1.0.se.fc1.weight', [4, 64]],
    ['layer5.0.conv1.weight', [8, 8, 3, 3]],
    ['bn0.running_mean', [3]],
  ] as const) {
    const content = torchZip(dict([...PLAIN, [name, view(shape)]]), STORAGE);
    await refused(content, new RegExp(`1 are not in the graph: ${name.replaceAll('.', '\\.')}`));
  }
});

test('weights that are no numbers are refused by name', async () => {
  for (const [odd, word] of [
    [NaN, 'NaN'],
    [Infinity, 'infinite'],
    [-Infinity, 'infinite'],
  ] as const) {
    // prettier-ignore
    const spoilt = NUMBERS.slice();
    spoilt[10] = odd;
    const bytes = new Uint8Array(spoilt.buffer);
    await refused(torchZip(dict(PLAIN), [['0', bytes]]), new RegExp(`'conv1\\.weight' holds \\d+ of 9408 numbers that are ${word}`)); // prettier-ignore
  }
});

test('a variance below 0 is refused by name: its root is no number', async () => {
  const entries = PLAIN.map(([name, tensor]) => [name, name === 'bn1.running_var' ? p.tensor({ key: '1', count: 64, shape: [64] }) : tensor] as const); // prettier-ignore
  const negative = ['1', new Uint8Array(new Float32Array(64).fill(-0.5).buffer)] as const;
  await refused(
    torchZip(dict(entries), [...STORAGE, negative]),
    /'bn1\.running_var' holds 64 of 64 variances below 0/,
  );
});

test('a weight that is no plain tensor is not called a missing classifier', async () => {
  const entries = PLAIN.map(([name, tensor]) => [name, name === 'fc.weight' ? p.none : tensor] as const);
  const notPlain = imported(torchZip(dict(entries), STORAGE), undefined, null);
  await assert.rejects(notPlain, {
    message: /without fc\.weight as a plain tensor of numbers, though fc\.bias is there: sparse/,
  });
  const sparse = PLAIN.map(([name, tensor]) => [name, name === 'fc.bias' ? p.text('sparse') : tensor] as const); // prettier-ignore
  for (const architecture of ['resnet18', null]) {
    await assert.rejects(imported(torchZip(dict(sparse), STORAGE), undefined, architecture), /fc\.bias/);
  }
});

test('a classifier without a bias has one of zeros', async () => {
  const without = PLAIN.filter(([name]) => name !== 'fc.bias');
  const whole = await imported(torchZip(dict(PLAIN), STORAGE));
  for (const [entries, architecture] of [
    [without, 'resnet18'],
    [without, null],
    [[...without, ['fc.bias', p.none] as const], null],
    [renamed(without, (name) => `model.${name.replace(/^fc\./, 'fc.1.')}`), null],
  ] as const) {
    const notes: string[] = [];
    const { weights } = await imported(
      torchZip(dict(entries), STORAGE),
      (text) => notes.push(text),
      architecture,
    );
    assert.ok(
      notes.some((note) => note.startsWith('fc has no bias: 0 for each class; ')),
      notes.join(),
    );
    assert.deepEqual(
      weights,
      new Map(whole.weights).set('fc/bias', { shape: [3], data: new Float32Array(3) }),
    );
  }
  // What could be the bias under another name is not left out.
  const [, bias] = PLAIN.find(([name]) => name === 'fc.bias')!;
  for (const name of [
    'fc.bias_orig',
    'fc.parametrizations.bias.original',
    'fc.b',
    'fc.scale',
    'logit_bias',
  ]) {
    const entries = [...without, [name, bias] as const];
    for (const architecture of ['resnet18', null]) {
      await assert.rejects(imported(torchZip(dict(entries), STORAGE), undefined, architecture), { code: 'MODEL_MISMATCH' }, name); // prettier-ignore
    }
  }
});

test('of two dictionaries of the same network, the one that is taken is said', async () => {
  for (const architecture of ['resnet18', null]) {
    const notes: string[] = [];
    const value = p.dict(['teacher', dict(PLAIN.toReversed())], ['student', dict(PLAIN)]);
    await imported(torchZip(value, STORAGE), (text) => notes.push(text), architecture);
    assert.equal(notes.at(-1), 'taken: the weights in student; left out: the same network in teacher');
  }
});

const behind = (prefix: string, entries = PLAIN) => renamed(entries, (name) => `${prefix}.${name}`);
const withHead = (head: string, entries = PLAIN) => renamed(entries, (name) => name.replace(/^fc\./, `${head}.`)); // prettier-ignore

test('of two networks in one dictionary the student is taken, and said', async () => {
  const alone = await imported(torchZip(dict(PLAIN), STORAGE));
  for (const [architecture, others, student = PLAIN] of [
    ['resnet18', behind('teacher', OTHER.toReversed())],
    [null, behind('module.encoder_k', OTHER.toReversed())],
    [null, behind('teacher', stateDict('resnet34', 5))],
    ['resnet18', behind('teacher', OTHER), withHead('fc.1')],
    [null, behind('a', [...OTHER, ['layer1.0.se.fc1.weight', view([4, 64])]])],
    [null, behind('a', OTHER.map(([name, tensor]) => [name, name === 'conv1.weight' ? view([64, 1, 7, 7]) : tensor]))],
  ] as readonly [string | null, Entries, Entries?][]) {
    const notes: string[] = [];
    const value = dict([...others, ...behind('student', student)]);
    assertSame(await imported(torchZip(value, STORAGE), (text) => notes.push(text), architecture), alone);
    assert.match(
      notes.join(),
      /taken: the weights behind 'student\.'; left out: others of the same names behind '/,
    );
    assert.doesNotMatch(notes.join(), /no such weights/);
  }
  const two = dict([...behind('a'), ...behind('b', stateDict('mobilenet_v2'))]);
  await assert.rejects(imported(torchZip(two, STORAGE), undefined, null), {
    message:
      /holds several networks, mobilenet_v2 behind 'b\.' and resnet18 behind 'a\.': say which with --arch/,
  });
}); // prettier-ignore

test('a teacher is not taken in silence where its student is another network', async () => {
  const other = [['student.patch.weight', view([8, 3, 4, 4])]] as const;
  const content = torchZip(dict([...behind('teacher'), ...other]), STORAGE);
  await assert.rejects(imported(content, undefined, null), {
    code: 'MODEL_MISMATCH',
    message:
      /fits resnet18 behind 'teacher\.' only, and has other layers beside it: student\.patch\.weight; if/,
  });
  const twoLayers = [...withHead('fc.0'), ['fc.3.weight', view([3, 3])] as const];
  await refused(torchZip(dict([...behind('teacher'), ...behind('student', twoLayers)]), STORAGE), /'fc' in it has several layers/); // prettier-ignore
  const notes: string[] = [];
  await imported(content, (text) => notes.push(text));
  assert.match(notes.join(), /^taken: the weights behind 'teacher\.',left out, .*student\.patch\.weight$/);
});

test('an average beside a network is left out, whatever the two are called; alone it is taken', async () => {
  const both: string[] = [];
  const value = p.dict(['state_dict_ema', dict(OTHER)], ['cinema_net', dict(PLAIN)]);
  const model = await imported(torchZip(value, STORAGE), (text) => both.push(text), null);
  assert.equal(model.weights.get('fc/bias')!.data[0], NUMBERS[PLAIN.findIndex(([name]) => name === 'fc.bias')]); // prettier-ignore
  assert.match(both.join(), /taken: the weights in cinema_net; left out: .* in state_dict_ema$/);
  const notes: string[] = [];
  await imported(torchZip(p.dict(['ema', dict(PLAIN)]), STORAGE), (text) => notes.push(text));
  assert.deepEqual(notes, ['taken: the weights in ema']);
});

test('names that mean nothing behind many prefixes are no architecture', async () => {
  const junk = Array.from({ length: 5000 }, (_, i) => [`p${i % 64}.conv1.weight.layer${i}.weight`, SCALAR] as const); // prettier-ignore
  await assert.rejects(imported(torchZip(dict(junk), STORAGE), undefined, null), /of no architecture/);
});

test('when nothing fits, the message says what is there', async () => {
  await refused(torchZip(p.none, []), /holds no state dict/);
  await refused(
    torchZip(p.dict(['generator', p.dict(['a.weight', SCALAR], ['b', SCALAR])], ['step', SCALAR]), STORAGE),
    /has no 'fc\.weight', the classifier of resnet18; it has 0 of the 102 weights; found: generator: 2 tensors \(a\.weight, b\); 1 tensor \(step\)$/,
  );
  await refused(torchZip(dict(stateDict('efficientnet_lite0')), STORAGE), /could be efficientnet_lite0/);
  const twoLayers = PLAIN.flatMap(
    ([name, tensor]): Entries =>
    name.startsWith('fc.') ? [[name.replace('fc', 'fc.0'), tensor], [name.replace('fc', 'fc.3'), tensor]] : [[name, tensor]], // prettier-ignore
  );
  await refused(torchZip(dict(twoLayers), STORAGE), /'fc' in it has several layers \(fc\.0\.weight/);
  const many = Array.from({ length: 3000 }, (_, i) => [`n${i}`, p.dict(['x'.repeat(5000), SCALAR])] as const);
  await assert.rejects(imported(torchZip(p.dict(...many), STORAGE)), (error) => {
    assert.ok(error instanceof AppError && error.message.length < 1000, String(error));
    return true;
  });
});

describe('without --arch', () => {
  const found = async (value: Buffer) => {
    const notes: string[] = [];
    const model = await imported(torchZip(value, STORAGE), (text) => notes.push(text), null);
    return { model, notes };
  };
  for (const [what, value] of Object.entries(WRAPPINGS)) {
    test(`resnet18 is found: ${what}`, async () => {
      const { model, notes } = await found(value);
      assert.equal(model.architecture, 'resnet18');
      assert.match(notes[0]!, /^found: resnet18 with 3 classes, by its 102 names and their shapes$/);
    });
  }
  test('others are found by their shapes alone', async () => {
    for (const name of ['resnet34', 'efficientnet_lite0', 'resnet101', 'resnext101_32x8d']) {
      assert.equal((await found(dict(stateDict(name, 1000)))).model.architecture, name);
    }
  });
  const alone = (content: Buffer, message: RegExp) =>
    assert.rejects(imported(content, undefined, null), (error) => {
      assert.ok(error instanceof AppError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  test('what nearly fits is named with the difference', async () => {
    const [gone, ...rest] = PLAIN;
    await alone(
      torchZip(dict(rest), STORAGE),
      new RegExp(`is nearest to resnet18, but 1 of its 102 weights are missing: ${gone![0]}$`),
    );
    const features = PLAIN.filter(([name]) => !name.startsWith('fc.'));
    const segmentation = [
      ...renamed(features, (name) => `backbone.${name}`),
      ['classifier.0.weight', view([8, 8, 3, 3])] as const,
    ];
    for (const entries of [features, segmentation]) {
      await alone(
        torchZip(dict(entries), STORAGE),
        /has the weights of resnet18 without its classifier, fc: it tells no classes$/,
      );
    }
    const extra = [...PLAIN, ['layer1.0.se.fc1.weight', view([4, 64])] as const];
    await alone(torchZip(dict(extra), STORAGE), /nearest to resnet18, but 1 are not in it: layer1\.0\.se\.fc1\.weight$/); // prettier-ignore
    const other = PLAIN.map(([name, tensor]) => [name, name === 'conv1.weight' ? view([64, 1, 7, 7]) : tensor] as const); // prettier-ignore
    await alone(torchZip(dict(other), STORAGE), /nearest to resnet18, but 'conv1\.weight' is \[64,1,7,7\], not \[64,3,7,7\]$/); // prettier-ignore
  });
  for (const [what, names, message] of [
    ['a LoRA adapter', ['base_model.model.layer1.0.conv1.lora_A.weight'], /is a LoRA adapter/],
    [
      'a quantised state dict',
      ['layer1.0.conv1.weight', 'layer1.0.conv1.zero_point'],
      /is a quantised state dict/,
    ],
    ['a detector', ['backbone.body.conv1.weight', 'rpn.head.cls_logits.weight'], /is a detector's network/],
    [
      'a segmentation network',
      ['backbone.conv1.weight', 'aux_classifier.0.weight'],
      /is a segmentation network/,
    ],
    [
      'a segmentation network without an auxiliary head',
      ['backbone.0.0.weight', 'classifier.0.convs.0.0.weight'],
      /is a segmentation network/,
    ],
    ['a small segmentation network', ['backbone.0.0.weight', 'classifier.low_classifier.weight'], /is a segmentation network/], // prettier-ignore
    ['a detector with boxes', ['head.classification_head.conv.0.weight'], /is a detector's network/],
    ['a diffusion UNet', ['time_embedding.linear_1.weight', 'down_blocks.0.resnets.0.conv1.weight'], /is a diffusion model/], // prettier-ignore
    ['a diffusion checkpoint', ['model.diffusion_model.input_blocks.0.0.weight'], /is a diffusion model/],
    ['a text model', ['bert.embeddings.word_embeddings.weight'], /is a model of text/],
    ['a causal language model', ['model.embed_tokens.weight', 'lm_head.weight'], /is a model of text/],
    ['a vision transformer', ['cls_token', 'blocks.0.attn.qkv.weight'], /is a vision transformer/],
    [
      'nothing of the zoo',
      ['encoder.block.0.attention.weight'],
      /is of no architecture that finch knows .*; found: 1 tensor/,
    ],
  ] as const) {
    test(`${what} is told as such`, () =>
      alone(torchZip(dict(names.map((name) => [name, view([4, 4])] as const)), STORAGE), message));
  }
  test('one class is no mistake: it is a choice of two', async () => {
    const { model, notes } = await found(dict(stateDict('resnet18', 1)));
    assert.deepEqual(model.weights.get('fc/bias')!.shape, [1]);
    assert.match(notes[0]!, /^found: resnet18 with 1 class,/);
  });
  test('what fits two architectures is refused with both names', () =>
    alone(torchZip(dict(stateDict('tf_efficientnet_b0')), STORAGE), /fits .*efficientnet_b0 and tf_efficientnet_b0.*--arch/)); // prettier-ignore
  test("torchvision's first MNASNet is told from its second", () => {
    const entries = stateDict('mnasnet0_5').map(([name, tensor]) => [name, name === 'layers.0.weight' ? view([32, 3, 3, 3]) : tensor] as const); // prettier-ignore
    return alone(torchZip(dict(entries), STORAGE), /is version 1 of torchvision's MNASNet/);
  });
  test("an optimizer's state is told as such", () =>
    alone(
      torchZip(p.dict(['state', p.dict(...PLAIN.map((_, i) => [p.int(i), p.dict(['exp_avg', SCALAR])] as const))]), STORAGE), // prettier-ignore
      /is an optimizer's state/,
    ));
});

test('what could do something is refused by name, called or not', async () => {
  for (const [module, name] of [
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['subprocess', 'Popen'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['numpy.testing', 'runstring'],
    ['functools', 'partial'],
    ['__main__', 'Net'],
  ] as const) {
    // prettier-ignore
    await assert.rejects(imported(torchZip(p.dict(['a', p.call(module, name, p.text('x'))], ...PLAIN), STORAGE)), (error) => { // prettier-ignore
      assert.ok(error instanceof AppError && error.code === 'FILE_UNSAFE', String(error));
      assert.ok(error.message.includes(`${module}.${name}`));
      return true;
    });
  }
});
