// The ONNX reader: what finch's own writer writes comes back, every encoding of a tensor is read, and what is false or reaches out of
// the folder is refused in one line.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeModel, type WrittenGraph } from '../../src/formats/onnx-writer.ts';
import { numbersOf, readOnnxModel } from '../../src/formats/onnx-model.ts';
import { refuseEndless } from '../../src/formats/onnx-rounds.ts';
import { AppError, type ErrorCode } from '../../src/util/errors.ts';
import { external, message, modelFile, node, value, type Field } from '../helpers/onnx-file.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-onnx-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function read(bytes: Uint8Array) {
  const file = path.join(scratch, 'model.onnx');
  await writeFile(file, bytes);
  return readOnnxModel(file);
}

async function refused(bytes: Uint8Array, pattern: RegExp, code: ErrorCode = 'FILE_INVALID') {
  await assert.rejects(read(bytes), (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.ok(error.message.length < 500);
    return true;
  });
}

const SMALL: WrittenGraph = {
  name: 'small',
  nodes: [
    { op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { pads: [1, 1, 1, 1], group: 1 } },
    { op: 'LeakyRelu', inputs: ['y'], outputs: ['z'], attributes: { alpha: { float: 0.5 } } },
    { op: 'Resize', inputs: ['z', '', 's'], outputs: ['o'], attributes: { mode: 'nearest' } },
    { op: 'Made', domain: 'com.microsoft', inputs: ['o'], outputs: ['p'], attributes: { f: { floats: [0.5, 2] } } },
  ],
  initializers: [
    { name: 'w', type: 'float32', shape: [1, 3, 1, 1], content: new Uint8Array(Float32Array.of(1, 2, 3).buffer) },
    { name: 's', type: 'int64', shape: [1], content: new Uint8Array(BigInt64Array.of(-7n).buffer) },
  ],
  inputs: [{ name: 'x', type: 'float32', shape: ['N', 3, 8, 8] }],
  outputs: [{ name: 'p', type: 'float32', shape: ['N', 2] }],
}; // prettier-ignore

describe('an ONNX file', () => {
  test('that finch wrote comes back', async () => {
    const model = await read(encodeModel(SMALL, { metadata: { labels: '["a"]' } }));
    assert.deepEqual([...model.opsets], [['', 17], ['com.microsoft', 1]]); // prettier-ignore
    assert.deepEqual(
      [model.irVersion, model.producer, [...model.metadata]],
      [8, 'finch', [['labels', '["a"]']]],
    );
    assert.deepEqual(
      model.nodes.map(({ op, domain, inputs, outputs }) => ({ op, domain, inputs, outputs })),
      SMALL.nodes.map(({ op, domain = '', inputs, outputs }) => ({ op, domain, inputs, outputs })),
    );
    assert.deepEqual([...model.nodes[0]!.attributes], [['pads', { kind: 'ints', value: [1, 1, 1, 1] }], ['group', { kind: 'int', value: 1 }]]); // prettier-ignore
    assert.deepEqual(model.nodes[1]!.attributes.get('alpha'), { kind: 'float', value: 0.5 });
    assert.deepEqual(model.nodes[2]!.attributes.get('mode'), { kind: 'string', value: 'nearest' });
    assert.deepEqual(model.nodes[3]!.attributes.get('f'), { kind: 'floats', value: [0.5, 2] });
    assert.deepEqual(model.inputs, [{ name: 'x', type: 'float32', shape: ['N', 3, 8, 8] }]);
    assert.deepEqual(model.outputs, [{ name: 'p', type: 'float32', shape: ['N', 2] }]);
    assert.deepEqual([...numbersOf(model.initializers.get('w')!)!], [1, 2, 3]);
    assert.deepEqual([...numbersOf(model.initializers.get('s')!)!], [-7]);
  });

  test('an input that has an initializer is a constant; sizes that are not known are nothing', async () => {
    const model = await read(
      modelFile([
        [1, node('Relu', ['x'], ['y'])],
        [5, message([1, 1], [2, 1], [8, 'w'], [9, new Uint8Array(4)])],
        [11, value('w', [1])],
        [11, value('x', [-1, 3, 0, 'H'])],
        [12, value('y', [1])],
        [13, value('t', [1], 8)],
      ]),
    );
    assert.deepEqual(model.inputs, [{ name: 'x', type: 'float32', shape: [undefined, 3, undefined, 'H'] }]);
    assert.deepEqual(model.valueInfo.get('t'), { name: 't', type: 'other', shape: [1] });
  });

  test('ai.onnx is ONNX', async () => {
    const model = await read(
      modelFile([[1, node('Relu', ['x'], ['y'], [7, 'ai.onnx'])], [11, value('x', [1])], [12, value('y', [1])]], [[8, message([1, 'ai.onnx'], [2, 9])]]),
    ); // prettier-ignore
    assert.deepEqual([model.nodes[0]!.domain, [...model.opsets]], ['', [['', 9]]]);
  });

  test('an inner graph takes names of the outer one, and comes as it was read and as bytes', async () => {
    const inner = message([1, node('Relu', ['x'], ['a'])], [12, value('a', [1])]);
    const branch = message([1, 'then_branch'], [6, inner], [20, 5]);
    const model = await read(modelFile([[1, node('If', ['x'], ['y'], [5, branch])], [11, value('x', [1])], [12, value('y', [1])]])); // prettier-ignore
    const found = model.nodes[0]!.attributes.get('then_branch');
    assert.ok(found?.kind === 'graph');
    assert.deepEqual([found.value.nodes[0]!.inputs, Buffer.from(found.bytes)], [['x'], Buffer.from(inner)]);
  });
});

/** A model of one constant and nothing else to read. */
const constant = (...fields: readonly Field[]) =>
  modelFile([
    [5, message(...fields, [8, 't'])],
    [1, node('Relu', ['t'], ['y'])],
    [12, value('y', [1])],
  ]);

describe('a tensor', () => {
  const packed = (...varints: readonly (number | bigint)[]) => {
    // A message of fields 1 has the numbers with a byte before each.
    const parts = varints.map((number) => message([1, number]).subarray(1));
    return Buffer.concat(parts);
  };
  const floats = (...numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
  const CASES: Readonly<Record<string, readonly [code: number, Field, numbers: readonly number[]]>> = {
    'float32 packed': [1, [4, floats(0.5, -2)], [0.5, -2]],
    float64: [11, [10, new Uint8Array(Float64Array.of(0.1, -2).buffer)], [0.1, -2]],
    int64: [7, [7, packed(-1, 2 ** 40)], [-1, 2 ** 40]],
    int32: [6, [5, packed(-1, 7)], [-1, 7]],
    uint8: [2, [5, packed(255, 7)], [255, 7]],
    int8: [3, [5, packed(-1, 7)], [-1, 7]],
    int16: [5, [5, packed(-300, 7)], [-300, 7]],
    uint16: [4, [5, packed(65_535, 7)], [65_535, 7]],
    bool: [9, [5, packed(1, 0)], [1, 0]],
    float16: [10, [5, packed(0x3800, 0xc000)], [0.5, -2]],
    bfloat16: [16, [5, packed(0x3f00, 0xc000)], [0.5, -2]],
    uint32: [12, [11, packed(2 ** 32 - 1, 7)], [2 ** 32 - 1, 7]],
    uint64: [13, [11, packed(2 ** 40, 7)], [2 ** 40, 7]],
    'float16 raw': [10, [9, Uint8Array.of(0, 0x38, 0, 0xc0)], [0.5, -2]],
    'bool raw': [9, [9, Uint8Array.of(1, 0)], [1, 0]],
  };
  for (const [what, [code, field, expected]] of Object.entries(CASES)) {
    test(`of ${what}`, async () => {
      const { initializers } = await read(constant([1, 2], [2, code], field));
      assert.deepEqual([...numbersOf(initializers.get('t')!)!], expected);
    });
  }

  test('whose numbers come one by one', async () => {
    const { initializers } = await read(constant([1, 2], [2, 1], [4, { float: 0.5 }], [4, { float: -2 }]));
    assert.deepEqual([...numbersOf(initializers.get('t')!)!], [0.5, -2]);
    const { initializers: whole } = await read(constant([1, 2], [2, 7], [7, 5], [7, packed(-6)]));
    assert.deepEqual([...numbersOf(whole.get('t')!)!], [5, -6]);
  });

  test('of four bits has two numbers in a byte', async () => {
    const { initializers } = await read(constant([1, 3], [2, 22], [5, packed(0x21, 0x03)]));
    assert.deepEqual([...initializers.get('t')!.bytes], [0x21, 3]);
  });

  test('whose shape lies is refused before memory is taken', async () => {
    await refused(constant([1, 3], [2, 1], [9, floats(1, 2)]), /has 8 bytes; float32 \[3\] needs 12/);
    await refused(constant([1, 3], [2, 1], [4, floats(1, 2)]), /has 2 numbers; \[3\] needs 3/);
    await refused(constant([1, 1], [2, 1]), /has 0 numbers; \[1\] needs 1/);
    await refused(constant([1, 2 ** 31], [2, 7], [7, packed(1, 2)]), /has 2 numbers; \[2147483648\] needs/);
    await refused(constant([1, 2 ** 40], [1, 2 ** 40], [2, 1]), /impossible shape/);
    await refused(constant([1, -1], [2, 1]), /impossible shape/);
    await refused(constant(...Array.from({ length: 17 }, (): Field => [1, 1]), [2, 1]), /impossible shape/);
    await refused(constant([2, 8]), /type 8, which finch does not read/, 'MODEL_UNSUPPORTED');
  });
});

describe('external data', () => {
  const graph = (...tensors: readonly Uint8Array[]): Uint8Array =>
    modelFile([
      ...tensors.map((tensor): Field => [5, tensor]),
      [1, node('Relu', ['w'], ['y'])],
      [12, value('y', [2])],
    ]);
  const two = (entries: Readonly<Record<string, string>>) => external('w', [2], entries);

  before(async () => {
    await writeFile(path.join(scratch, 'w.data'), new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
    await mkdir(path.join(scratch, 'sub'), { recursive: true });
    await writeFile(path.join(scratch, 'sub', 'w.data'), new Uint8Array(8));
    await mkdir(path.join(scratch, 'outside'));
    await writeFile(path.join(scratch, 'outside', 'secret'), 'secret..');
    await mkdir(path.join(scratch, 'inside'));
    await symlink(path.join(scratch, 'outside', 'secret'), path.join(scratch, 'inside', 'link'));
    await symlink(path.join(scratch, 'outside'), path.join(scratch, 'inside', 'folder'));
  });

  test('is read, shared too', async () => {
    const place = { location: 'w.data', offset: '4', length: '8' };
    const { initializers } = await read(graph(two(place), external('v', [2], place), external('u', [2], { location: 'sub/w.data' }))); // prettier-ignore
    assert.deepEqual([...numbersOf(initializers.get('w')!)!], [2, 3]);
    assert.deepEqual([...numbersOf(initializers.get('v')!)!], [2, 3]);
    assert.deepEqual([...numbersOf(initializers.get('u')!)!], [0, 0]);
  });

  test("in the cache of a hub's own tools is read through links to its blobs, and to nothing else", async () => {
    const cache = path.join(scratch, 'models--birds--small');
    const snapshot = path.join(cache, 'snapshots', 'a'.repeat(40), 'onnx');
    await mkdir(snapshot, { recursive: true });
    await mkdir(path.join(cache, 'blobs'));
    await writeFile(path.join(cache, 'blobs', 'model'), graph(two({ location: 'w.data' })));
    await writeFile(path.join(cache, 'blobs', 'weights'), new Uint8Array(Float32Array.of(5, 6).buffer));
    const blob = (name: string) => path.join('..', '..', '..', 'blobs', name);
    await symlink(blob('model'), path.join(snapshot, 'model.onnx'));
    await symlink(blob('weights'), path.join(snapshot, 'w.data'));
    const { initializers } = await readOnnxModel(path.join(snapshot, 'model.onnx'));
    assert.deepEqual([...numbersOf(initializers.get('w')!)!], [5, 6]);
    for (const outside of [blob('../secret'), path.join(scratch, 'outside', 'secret'), blob('sub/secret')]) {
      await rm(path.join(snapshot, 'w.data'));
      await symlink(outside, path.join(snapshot, 'w.data'));
      await mkdir(path.join(cache, 'blobs', 'sub'), { recursive: true });
      await writeFile(path.join(cache, 'secret'), 'secret..');
      await writeFile(path.join(cache, 'blobs', 'sub', 'secret'), 'secret..');
      await assert.rejects(
        readOnnxModel(path.join(snapshot, 'model.onnx')),
        /a link that leads out of its folder/,
      );
    }
  });

  test('of a Constant is read', async () => {
    const attribute = message([1, 'value'], [5, two({ location: 'w.data' })], [20, 4]);
    const model = await read(modelFile([[1, node('Constant', [], ['y'], [5, attribute])], [12, value('y', [2])]])); // prettier-ignore
    const found = model.nodes[0]!.attributes.get('value');
    assert.ok(found?.kind === 'tensor');
    assert.deepEqual([...numbersOf(found.value)!], [1, 2]);
  });

  test('that is not there, or too short, or overlaps', async () => {
    await refused(
      graph(two({ location: 'gone.data' })),
      /'gone.data', which is not beside it; put both files/,
    );
    await refused(graph(two({})), /leads out of its folder/, 'FILE_UNSAFE');
    await refused(
      graph(two({ location: 'w.data', offset: '12' })),
      /bytes 12 to 20 of 'w.data', which has 16/,
    );
    await refused(graph(two({ location: 'w.data', offset: '-4' })), /bytes NaN/);
    await refused(
      graph(two({ location: 'w.data', length: '4' })),
      /takes 4 bytes of 'w.data'; its shape needs 8/,
    );
    await refused(graph(external('w', [2 ** 33], { location: 'w.data' })), /which has 16/);
    const all = [0, 4, 8].map((offset) => external(`w${offset || ''}`, [2], { location: 'w.data', offset: `${offset}` })); // prettier-ignore
    await refused(graph(...all), /overlaps/);
    const dotted = ['w.data', './w.data', '././w.data'].map((location, i) => external(`w${i || ''}`, [2], { location, offset: `${4 * i}` })); // prettier-ignore
    await refused(graph(...dotted), /overlaps/);
    await refused(graph(two({ location: 'sub' })), /a folder, expected a regular file/);
  });

  test('outside the folder is not read', async () => {
    const file = path.join(scratch, 'inside', 'model.onnx');
    for (const location of ['../outside/secret', '/etc/passwd', 'link', 'folder/secret', 'a/../../outside/secret', '..', 'C:\\x', 'a\\..\\x', 'x//y', '\0']) {
      await writeFile(file, graph(two({ location })));
      await assert.rejects(readOnnxModel(file), (error) => {
        assert.ok(error instanceof AppError, String(error));
        assert.equal(error.code, 'FILE_UNSAFE', `${location}: ${error.message}`);
        return true;
      });
    } // prettier-ignore
  });

  test('in an inner graph is not read, in whatever way it is said', async () => {
    const entry: Field = [13, message([1, 'location'], [2, 'w.data'])];
    const said = message([1, 2], [2, 1], [8, 'w'], entry, [14, 1]);
    const halfSaid = message([1, 2], [2, 1], [8, 'w'], entry, [9, new Uint8Array(8)]);
    for (const tensor of [said, halfSaid]) {
      const inner = message([5, tensor], [12, value('w', [2])]);
      const loop = node('Loop', [], ['y'], [5, message([1, 'body'], [6, inner], [20, 5])]);
      await refused(
        modelFile([
          [1, loop],
          [12, value('y', [2])],
        ]),
        /within an inner graph/,
        'FILE_UNSAFE',
      );
    }
  });
});

describe('what is no network that finch can run', () => {
  const input: Field = [11, value('x', [1])];
  const output: Field = [12, value('y', [1])];
  const relu: Field = [1, node('Relu', ['x'], ['y'])];
  const sound: readonly Field[] = [input, relu, output];

  test('is refused', async () => {
    await refused(new Uint8Array(0), /no network in it/);
    await refused(Buffer.from('hello, I am no model'), /no ONNX file/);
    await refused(
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n'),
      /is a git-lfs pointer: .* git lfs pull/,
    );
    await refused(message([1, 8]), /no network in it/);
    await refused(modelFile(sound, []), /opset none, expected 7/, 'MODEL_UNSUPPORTED');
    await refused(modelFile(sound, [[8, message([2, 6])]]), /opset 6, expected 7/, 'MODEL_UNSUPPORTED');
    await refused(modelFile([input, output]), /no node makes the output 'y'/);
    await refused(modelFile([input, output, [1, node('Relu', ['z'], ['y'])]]), /takes 'z', which nothing before it makes/); // prettier-ignore
    await refused(
      modelFile([input, output, [1, node('Add', ['x', 'y'], ['y'])]]),
      /takes 'y', which nothing/,
    );
    await refused(modelFile([input, output, relu, relu]), /makes 'y', which is there already/);
    await refused(modelFile([...sound, [15, new Uint8Array(0)]]), /sparse/, 'MODEL_UNSUPPORTED');
  });

  test('nodes in another order are sorted, as converters to float16 leave them', async () => {
    const [add, last] = [node('Add', ['a', 'b'], ['c']), node('Relu', ['c'], ['y'])];
    const [a, b] = [node('Abs', ['x'], ['a']), node('Neg', ['x'], ['b'])];
    const file = path.join(scratch, 'unsorted.onnx');
    await writeFile(file, modelFile([input, output, ...[last, add, b, a].map((each): Field => [1, each])]));
    const { nodes } = await readOnnxModel(file);
    assert.deepEqual(nodes.map(({ op }) => op), ['Neg', 'Abs', 'Add', 'Relu']); // prettier-ignore
    const circle = [node('Add', ['x', 'd'], ['c']), node('Neg', ['c'], ['d']), last];
    await refused(modelFile([input, output, ...circle.map((each): Field => [1, each])]), /takes '[cd]', which nothing before it makes/); // prettier-ignore
  });

  test('operators of others are named', async () => {
    const custom: Field = [1, node('Evil', ['x'], ['y'], [7, 'org.example'])];
    await refused(modelFile([input, output, custom]), /operator Evil of 'org.example'; finch runs only/, 'MODEL_UNSUPPORTED'); // prettier-ignore
    const inner = message([1, 'b'], [6, message(custom)], [20, 5]);
    await refused(modelFile([input, output, [1, node('If', ['x'], ['y'], [5, inner])]]), /operator Evil/, 'MODEL_UNSUPPORTED'); // prettier-ignore
  });

  describe('functions', () => {
    const opsets: readonly Field[] = [
      [8, message([2, 17])],
      [8, message([1, 'own'], [2, 1])],
    ];
    const made = (name: string, inputs: readonly string[], outputs: readonly string[], ...fields: readonly Field[]): Field =>
      [25, message([1, name], ...inputs.map((each): Field => [4, each]), ...outputs.map((each): Field => [5, each]), ...fields, [10, 'own'])]; // prettier-ignore
    const call = (op: string, inputs: readonly string[], outputs: readonly string[], ...fields: readonly Field[]): Uint8Array =>
      node(op, inputs, outputs, [7, 'own'], ...fields); // prettier-ignore
    const float = (name: string, from: string): Field => [5, message([1, name], [21, from], [20, 1])];
    const given = (nodes: readonly Uint8Array[], ...functions: readonly Field[]) =>
      modelFile([input, output, ...nodes.map((each): Field => [1, each])], [...opsets, ...functions]);

    test('are replaced by their nodes, with the attributes of the call', async () => {
      const leaky = made('Leaky', ['a'], ['b', 'spare'],
        [7, node('LeakyRelu', ['a'], ['m'], [3, 'first'], float('alpha', 'slope'))],
        [7, node('Elu', ['m'], ['b'], float('alpha', 'rise'))],
        [7, node('Neg', ['m'], ['spare'])],
        [11, message([1, 'slope'], [20, 2], [3, 3])],
      ); // prettier-ignore
      const twice = made('Twice', ['a'], ['b', 'same'],
        [7, call('Leaky', ['a'], ['m'], [5, message([1, 'slope'], [20, 2], [3, 7])])],
        [7, call('Leaky', ['m'], ['b'])],
      ); // prettier-ignore
      // An output that is an input: the second output is handed through.
      const through = made('Through', ['a'], ['a']);
      const { nodes } = await read(given([call('Twice', ['x'], ['p']), call('Through', ['p'], ['y'])], leaky, twice, through)); // prettier-ignore
      assert.deepEqual(nodes.map(({ op }) => op), ['LeakyRelu', 'Elu', 'Neg', 'LeakyRelu', 'Elu', 'Neg', 'Identity']); // prettier-ignore
      assert.deepEqual(nodes[0]!.inputs, ['x']);
      assert.deepEqual(nodes[3]!.inputs, nodes[1]!.outputs);
      assert.deepEqual([nodes[4]!.outputs, nodes[6]!.inputs, nodes[6]!.outputs], [['p'], ['p'], ['y']]);
      const slopes = nodes.flatMap(({ op, attributes }) => (op === 'LeakyRelu' ? [attributes.get('alpha')] : [])); // prettier-ignore
      assert.deepEqual(slopes, [{ kind: 'int', value: 7 }, { kind: 'int', value: 3 }]); // prettier-ignore
      // Neither the call nor the function says it: the operator's own.
      assert.equal(nodes[1]!.attributes.has('alpha'), false);
      // onnxruntime refuses two nodes of one name.
      assert.deepEqual([...new Set(nodes.map(({ name }) => name))], ['']);
      const names = nodes.flatMap(({ outputs }) => outputs);
      assert.equal(new Set(names).size, names.length);
    });

    test('that are false or without end are refused', async () => {
      const relu: Field = [7, node('Relu', ['a'], ['b'])];
      const one = made('F', ['a'], ['b'], relu);
      await refused(given([call('F', ['x', 'x'], ['y'])], one), /with 2 inputs and 1 outputs, expected at most 1 and 1/); // prettier-ignore
      await refused(given([call('F', ['x'], ['y'])], one, one), /two functions 'F'/);
      await refused(given([call('F', ['x'], ['y'])], made('F', ['a'], ['b'])), /makes the output 'y'/);
      await refused(given([call('F', ['x'], ['y'])], made('F', ['a'], ['b'], [7, call('F', ['a'], ['b'])])), /functions that call functions/); // prettier-ignore
      const laughs = Array.from({ length: 30 }, (_, i) =>
        made(
          `F${i}`,
          ['a'],
          ['b'],
          [7, call(`F${i + 1}`, ['a'], ['m'])],
          [7, call(`F${i + 1}`, ['m'], ['b'])],
        ),
      );
      await refused(
        given([call('F0', ['x'], ['y'])], ...laughs, made('F30', ['a'], ['b'], relu)),
        /more memory/,
      );
      const many = Array.from({ length: 20_000 }, (_, i) => `i${i}`);
      const chain = (name: string, inputs: (from: string) => readonly string[]) =>
        Array.from({ length: 200 }, (_, i) => call(name, inputs(i === 0 ? 'x' : `t${i - 1}`), [i === 199 ? 'y' : `t${i}`])); // prettier-ignore
      const wide = made('Wide', many, ['b'], [7, node('Relu', ['i0'], ['b'])]);
      await refused(
        given(
          chain('Wide', (from) => [from]),
          wide,
        ),
        /steps/,
      );
      const long = made('Long', ['a'], ['b'], [7, node('Relu', ['a'], ['m'.repeat(1_000_000)])], relu);
      await refused(
        given(
          chain('Long', (from) => [from]),
          long,
        ),
        /more memory/,
      );
      const standard: Field = [25, message([1, 'Gelu'], [4, 'a'], [5, 'b'], relu, [10, 'com.microsoft'])];
      const gelu = message(
        [1, 'b'],
        [6, message([1, node('Gelu', ['x'], ['y'], [7, 'com.microsoft'])])],
        [20, 5],
      );
      await refused(given([node('If', ['x'], ['y'], [5, gelu])], standard), /functions inlined/, 'MODEL_UNSUPPORTED'); // prettier-ignore
      const newer = made('F', ['a'], ['b'], relu, [9, message([2, 18])]);
      await refused(given([call('F', ['x'], ['y'])], newer), /opset 18 .* opset 17/, 'MODEL_UNSUPPORTED');
      const branch = message([1, 'b'], [6, message([1, node('Relu', ['x'], ['y'])])], [20, 5]);
      const inner = made('F', ['a'], ['b'], [7, node('If', ['a'], ['b'], [5, branch])]);
      await refused(given([call('F', ['x'], ['y'])], inner), /inner graph within a function/, 'MODEL_UNSUPPORTED'); // prettier-ignore
      await refused(given([node('Elu', ['x'], ['y'], float('alpha', 'rise'))]), /outside a function/);
      const within = message([1, 'b'], [6, message([1, call('F', ['x'], ['y'])])], [20, 5]);
      await refused(given([node('If', ['x'], ['y'], [5, within])], one), /functions inlined/, 'MODEL_UNSUPPORTED'); // prettier-ignore
    });
  });

  describe('loops have an end that can be seen', () => {
    const body = (...fields: readonly Field[]): Field => [5, message([1, 'body'], [6, message(...fields)], [20, 5])]; // prettier-ignore
    const list = (name: string, dims: readonly number[], ...numbers: readonly number[]): Field => [5, message(...dims.map((size): Field => [1, size]), [2, 7], [8, name], ...numbers.map((value): Field => [7, value]))]; // prettier-ignore
    const made = (op: string, inputs: readonly string[], output: string, ...fields: readonly Field[]): Field => [1, node(op, inputs, [output], ...fields)]; // prettier-ignore
    const loop = (most: string, ...inner: readonly Field[]) => made('Loop', [most], `of ${most}`, body(...inner)); // prettier-ignore
    const scan = (scanned: string) => made('Scan', [scanned], 'z', body(), [5, message([1, 'num_scan_inputs'], [3, 1], [20, 2])]); // prettier-ignore
    const side = (at: string, of = 'x') => [made('Shape', [of], `shape ${at}`), made('Gather', [`shape ${at}`, at], `side ${at}`)]; // prettier-ignore
    const places = [list('0', [], 0), list('-1', [], -1), ...side('0'), ...side('-1')];
    const cast: Field = [5, message([1, 'to'], [3, 7], [20, 2])];
    const valueInt: Field = [5, message([1, 'value_int'], [3, 9], [20, 2])];
    // Ten numbers, each the least of ten that are the one before.
    const least = Array.from({ length: 60 }, (_, i) => made('Min', Array<string>(10).fill(i === 0 ? 'side 0' : `m${i - 1}`), `m${i}`)); // prettier-ignore
    const ended: Readonly<Record<string, readonly Field[]>> = {
      'a number': [list('n', [], 9), loop('n')],
      'a number as an attribute, behind a Cast and an Identity': [made('Constant', [], 'a', valueInt), made('Cast', ['a'], 'b', cast), made('Identity', ['b'], 'n'), loop('n')],
      'a side': [...places, loop('side 0')],
      'all places': [...places, made('Mul', ['side 0', 'side -1'], 'n'), loop('n')],
      'rows, and columns within them': [...places, loop('side 0', loop('side -1'))],
      'half of a side and one': [...places, list('1', [], 1), list('2', [], 2), made('Div', ['side 0', '2'], 'h'), made('Add', ['h', '1'], 'n'), loop('n')],
      'a side behind a layer': [list('0', [], 0), made('Relu', ['x'], 'r'), ...side('0', 'r'), loop('side 0')],
      'the least of many': [...places, ...least, loop('m59')],
      'rows of the picture': [scan('x')],
    }; // prettier-ignore
    const huge = 2 ** 40;
    const nowhere = 'neither a number nor the size of a picture limits';
    const endless: Readonly<Record<string, readonly [fields: readonly Field[], message: string]>> = {
      'a large number': [[list('n', [], huge), loop('n')], `a Loop of ${huge} rounds, more than 16777216; export it with its loops written out`],
      'numbers that multiply': [[list('n', [], 5000), loop('n', loop('n'))], 'a Loop of 25000000 rounds'],
      'nothing': [[loop('')], nowhere],
      'a condition': [[list('n', [], Number.MAX_SAFE_INTEGER), loop('n')], nowhere],
      'what is computed from pixels': [[made('Mul', ['x', 'x'], 'n'), loop('n')], nowhere],
      'the size of an empty constant': [[list('none', [huge, 0]), list('0', [], 0), ...side('0', 'none'), loop('side 0')], `a Loop of ${huge} rounds`],
      'an empty constant': [[list('none', [2 ** 30, 0]), scan('none')], 'a Scan of 1073741824 rounds'],
      'a picture in another shape': [[list('to', [2], huge, 0), list('0', [], 0), made('Reshape', ['x', 'to'], 'r'), ...side('0', 'r'), loop('side 0')], `a Loop of ${huge} rounds`],
      'a side less a small number': [[...places, list('n', [], -huge), made('Sub', ['side 0', 'n'], 's'), loop('s')], nowhere],
      'a large number at a place of a side': [[...places, list('list', [1], huge), made('Gather', ['list', 'side 0'], 's'), loop('s')], `a Loop of ${huge} rounds`],
      'what an inner loop carries': [[...places, loop('side 0', [11, value('carried', [1])], loop('carried'))], nowhere],
    }; // prettier-ignore
    const check = async (fields: readonly Field[]) => {
      const model = await read(modelFile([...sound, ...fields]));
      refuseEndless(model, { file: 'it.onnx', longest: 256 });
    };
    for (const [what, fields] of Object.entries(ended)) test(`counted by ${what}`, () => check(fields));
    for (const [what, [fields, expected]] of Object.entries(endless)) {
      test(`refused: counted by ${what}`, () =>
        assert.rejects(check(fields), (error) => {
          assert.ok(error instanceof AppError, String(error));
          assert.equal(error.code, 'MODEL_UNSUPPORTED');
          assert.ok(error.message.includes(expected), error.message);
          return true;
        }));
    }
  });

  test('graphs within graphs have an end', async () => {
    let inner = message();
    for (let depth = 0; depth < 5000; depth++) {
      inner = message([1, node('If', [], [], [5, message([1, 'b'], [6, inner], [20, 5])])]);
    }
    await refused(modelFile([[7, inner], [1, node('If', [], ['y'], [5, message([1, 'b'], [6, inner], [20, 5])])], output]), /more than 8 deep/); // prettier-ignore
  });

  test('counts have limits', async () => {
    const many = Buffer.alloc(2 * 200_001, Uint8Array.of(0x0a, 0));
    await refused(message([1, 8], [7, many], [8, message([2, 17])]), /has 200001 nodes/);
    const names = Buffer.alloc(2 * 2_000_001, Uint8Array.of(0x0a, 0));
    await refused(message([1, 8], [7, message([1, names])], [8, message([2, 17])]), /more than|far more/);
    const packed = message([1, 'a'], [8, new Uint8Array(2_000_001)], [20, 7]);
    await refused(modelFile([[1, node('A', [], ['y'], [5, packed])], output]), /more than 2000000 steps/);
  });

  test('cut short or with bytes changed, it reads or it is our error', async () => {
    const bytes = Buffer.from(encodeModel(SMALL, { metadata: { key: 'value' } }));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), async (at, byte, isCut) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = byte;
        await read(isCut ? bytes.subarray(0, at) : damaged).catch((error: unknown) =>
          assert.ok(error instanceof AppError, String(error)),
        );
      }),
      { numRuns: 400 },
    );
  });
});
