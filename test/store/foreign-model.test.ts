// `--model FILE.onnx` and `--model FOLDER` with an ONNX file: a model folder in the cache, made once, with what the files say of pictures and classes.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { openModel } from '../../src/api/index.ts';
import { importModel } from '../../src/api/models/import.ts';
import { workOf } from '../../src/api/work.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { readOnnxModel, type OnnxModel } from '../../src/formats/onnx-model.ts';
import { encodeModel, writtenGraph } from '../../src/formats/onnx-writer.ts';
import { outputOf } from '../../src/graph/output.ts';
import { keptSha256OfAll } from '../../src/store/kept-checksum.ts';
import { resolveModel } from '../../src/store/models.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { attentionOnnx, ATTENTION_SIDE as SIDE, type AttentionOptions } from '../helpers/attention-onnx.ts';
import { runCli } from '../helpers/run-cli.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');
const NAMES = ['robin', 'sparrow', 'finch', 'tit', 'wren'];

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-foreign-'));
  process.env['FINCH_HOME'] = path.join(home, 'home');
});
after(() => rm(home, { recursive: true, force: true }));

const at = (...parts: readonly string[]) => path.join(home, ...parts);
const resolve = (name: string) => resolveModel(name, { offline: true });
const run = (program: string, ...args: readonly string[]) => runCli(program, args, { spawn: { cwd: home } });

async function done(program: string, ...args: readonly string[]) {
  const ended = await run(program, ...args);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

const classify = async (...args: readonly string[]) =>
  JSON.parse((await done('classify', BOOK, '--format', 'json', ...args)).stdout) as readonly {
    readonly predictions: readonly { readonly label: string; readonly probability: number }[];
  }[];

interface Written extends AttentionOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Height and width are left open. */
  readonly isOpen?: boolean;
}

async function writeAttention(
  file: string,
  { metadata, isOpen = false, ...options }: Written = {},
): Promise<string> {
  await mkdir(path.dirname(at(file)), { recursive: true });
  await writeFile(at(file), attentionOnnx(options));
  if (!metadata && !isOpen) return at(file);
  const model = await readOnnxModel(at(file));
  const { opsets, irVersion } = model;
  const open: OnnxModel = {
    ...model,
    inputs: model.inputs.map((value) => ({ ...value, shape: ['N', 3, 'H', 'W'] })),
  };
  const bytes = encodeModel(writtenGraph(isOpen ? open : model), {
    opsets,
    irVersion,
    ...(metadata && { metadata }),
  });
  await writeFile(at(file), bytes);
  return at(file);
}

const refused = (code: AppError['code'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return true;
};

describe('an ONNX file', () => {
  test('that says nothing of its pictures: asked for in one line, and taken from flags', async () => {
    await writeAttention('plain.onnx');
    const ended = await run('classify', BOOK, '--model', 'plain.onnx');
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /error: plain does not say how its pixels are prepared; add --mean and --std/);
    const [row] = await classify('--model', 'plain.onnx', '--mean', '0.5', '--std', '0.5');
    assert.equal(row!.predictions.length, 3);
    const imported = await done(
      'finch',
      'models',
      'import',
      'plain.onnx',
      '--mean',
      '0.5',
      '--std',
      '0.5',
      '--name',
      'named',
    );
    assert.match(
      imported.stderr,
      /runs as it is, and finetune trains only a head on it; finch has no layers for: /,
    );
    assert.deepEqual(await classify('--model', 'named'), [{ ...row, model: 'named' }]);
  });

  test('that takes bytes: nothing of their preparation is asked, and what would be ignored is refused', async () => {
    const file = await writeAttention('bytes.onnx', { type: 'uint8' });
    const { preprocessing } = await readModelFolder(await resolve(file));
    assert.deepEqual(preprocessing?.mean, [0, 0, 0]);
    const needless = refused('USAGE', /takes pixels as bytes and normalises them itself; leave out --mean and --std/); // prettier-ignore
    const said: string[] = [];
    const work = workOf({ onNote: (text) => void said.push(text) });
    const importAs = (from: string, name: string, flags: object) => importModel(from, { dtype: 'float32', name, ...flags }, work); // prettier-ignore
    await assert.rejects(importAs(file, 'bytes', { mean: '0.5' }), needless);
    // The same of the folder that it has become.
    const { folder } = await importAs(file, 'bytes', {});
    assert.match(said.join('\n'), /assumed: pictures are prepared as usual for 16x16, the middle of .* \(bilinear\)/); // prettier-ignore
    await assert.rejects(importAs(folder, 'again', { mean: '0.5' }), needless);
    await assert.rejects(openModel(file, { preprocessing: { mean: 0.5, std: 0.5 } }), needless);
    // A preparation that finch refuses is replaced by three flags, but not of a network that takes other numbers.
    await mkdir(at('padded'));
    await writeFile(at('padded', 'preprocessor_config.json'), '{"do_pad":true}');
    await writeFile(at('padded', 'config.json'), '{"model_type":"vit"}');
    const placed = { minSide: '16', crop: '1', interpolation: 'bicubic' };
    for (const type of ['uint8', 'float32'] as const) {
      await writeAttention('padded/model.onnx', { type });
      const imported = importAs(at('padded'), `padded-${type}`, placed);
      if (type === 'uint8') assert.equal((await imported).name, 'padded-uint8');
      else await assert.rejects(imported, refused('MODEL_UNSUPPORTED', /'do_pad' is true/));
    }
  });

  test("a network's checksum is kept once its files are old enough, and counts as long as they are the same", async () => {
    const [place, file] = [at('kept'), at('kept.safetensors')];
    await writeFile(file, 'abc');
    const sums = async () => [await keptSha256OfAll(file, place), (await readdir(place).catch(() => [])).length]; // prettier-ignore
    const sha256 = createHash('sha256').update('abc').digest('hex');
    assert.deepEqual(await sums(), [sha256, 0]);
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 60_000 });
    try {
      assert.deepEqual(await sums(), [sha256, 1]);
      const [record] = await readdir(place);
      const kept = await readFile(path.join(place, record!), 'utf8');
      await writeFile(path.join(place, record!), kept.replace(sha256, '0'.repeat(64)));
      assert.deepEqual(await sums(), ['0'.repeat(64), 1]);
      await writeFile(file, 'abd');
      assert.deepEqual(await sums(), [createHash('sha256').update('abd').digest('hex'), 1]);
    } finally {
      mock.timers.reset();
    }
  });

  test('is made a folder once, and again when it is another file', async () => {
    const file = await writeAttention('once.onnx');
    const folder = await resolve(file);
    assert.equal(await resolve(file), folder);
    const { provenance, classifier } = await readModelFolder(folder);
    assert.equal(provenance?.source, 'once.onnx');
    assert.equal(classifier, 'classifier');
    await writeAttention('once.onnx', { head: 'matmul' });
    assert.notEqual(await resolve(file), folder);
    const place = path.dirname(folder);
    assert.equal((await readdir(place)).filter((name) => name.endsWith('.lock')).length, 0);
  });

  test("finch's own export comes back: the same answer, names and preparation", async () => {
    await done('finch', 'models', 'export', 'efficientnet_lite0', '--format', 'onnx', '--out', 'lite.onnx');
    const [ours] = await classify('--model', 'efficientnet_lite0');
    const [theirs] = await classify('--model', 'lite.onnx');
    for (const [i, { label, probability }] of theirs!.predictions.entries()) {
      assert.equal(label, ours!.predictions[i]!.label);
      assert.ok(Math.abs(probability - ours!.predictions[i]!.probability) < 1e-4);
    }
  });

  test("Ultralytics' names and size are read from the file", async () => {
    const metadata = {
      task: 'classify',
      imgsz: `[${SIDE}, ${SIDE}]`,
      names: `{${NAMES.map((name, i) => `${i}: '${name}'`).join(', ')}}`,
    };
    const { preprocessing, labels } = await readModelFolder(
      await resolve(await writeAttention('yolo.onnx', { metadata, ending: 'softmax' })),
    );
    assert.deepEqual(labels, { set: 'own', names: NAMES });
    assert.deepEqual(preprocessing, { size: SIDE, resize: SIDE, mode: 'crop', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] }); // prettier-ignore
    const refuse = async (
      name: string,
      more: Record<string, string>,
      code: AppError['code'],
      message: RegExp,
    ) =>
      assert.rejects(
        resolve(await writeAttention(`${name}.onnx`, { metadata: { ...metadata, ...more } })),
        refused(code, message),
      );
    await refuse('detect', { task: 'detect' }, 'MODEL_UNSUPPORTED', /for the task 'detect'/);
    await refuse(
      'few',
      { names: "{0: 'a'}" },
      'MODEL_MISMATCH',
      /puts out 5 classes, but the names of 1 are given/,
    );
    await refuse(
      'gaps',
      { names: "{0: 'a', 2: 'b'}" },
      'FILE_INVALID',
      /metadata 'names' is not as expected/,
    );
    await refuse(
      'code',
      { names: '__import__("os")' },
      'FILE_INVALID',
      /metadata 'names' is not as expected/,
    );
    await refuse('huge', { imgsz: '[1000000]' }, 'FILE_INVALID', /metadata 'imgsz' is not as expected/);
    await refuse(
      'size',
      { imgsz: '[32, 32]' },
      'MODEL_MISMATCH',
      /takes pictures of 16x16, but they are prepared as 32x32/,
    );
  });

  test('that takes any pictures: the size is asked for, once', async () => {
    const file = await writeAttention('open.onnx', { isOpen: true });
    await assert.rejects(
      resolve(file),
      refused('USAGE', /takes pictures of any size, .* finch models import .*open\.onnx --size 224$/),
    );
    const flags = ['--size', String(SIDE), '--mean', '0.5', '--std', '0.5'];
    await done('finch', 'models', 'import', 'open.onnx', ...flags);
    await writeAttention('fixed.onnx');
    const fixed = await classify('--model', 'fixed.onnx', '--mean', '0.5', '--std', '0.5');
    assert.deepEqual(await classify('--model', 'open'), fixed.map((row) => ({ ...row, model: 'open' }))); // prettier-ignore
    for (const size of ['0', '16x', '16x16x16', 'x']) {
      const ended = await run('finch', 'models', 'import', 'open.onnx', '--size', size, '--name', 'other');
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, /^error: --size must be /);
    }
    const other = await run('finch', 'models', 'import', 'open.onnx', '--size', '32', '--name', 'other');
    assert.equal(other.code, 3, other.stderr);
    assert.match(
      other.stderr,
      /^error: open\.onnx does not take several pictures of 32x32, though it leaves their number and size open; give the size .*; onnxruntime says: .*\n$/,
    );
  });

  test('whose weights lie in a file that is not beside it, or in none that could be', async () => {
    const { opsets, irVersion, ...model } = await readOnnxModel(await writeAttention('parted.onnx'));
    const graph = writtenGraph(model);
    const elsewhere = { name: 'elsewhere', type: 'float32', shape: [1], content: { offset: 0, length: 4 } } as const; // prettier-ignore
    const bytes = encodeModel({ ...graph, initializers: [...graph.initializers, elsewhere] }, { opsets, irVersion }); // prettier-ignore
    for (const location of ['weights', 'w\0ights']) {
      const written = Buffer.from(bytes).toString('latin1').replaceAll('weights', location);
      await writeFile(at('parted.onnx'), written, 'latin1');
      await assert.rejects(
        resolve(at('parted.onnx')),
        refused('FILE_INVALID', /of which '(weights|w\\x00ights)' cannot be opened/),
      );
    }
  });

  test('that is not there, or none', async () => {
    await assert.rejects(
      resolve(at('nowhere.onnx')),
      refused('MODEL_NOT_FOUND', /nowhere\.onnx: no such file/),
    );
    await writeFile(at('text.onnx'), 'hello');
    await assert.rejects(resolve(at('text.onnx')), refused('FILE_INVALID', /is no ONNX file/));
  });
});

describe('a folder of transformers with an ONNX file', () => {
  const config = {
    model_type: 'vit',
    architectures: ['ViTForImageClassification'],
    id2label: Object.fromEntries(NAMES.entries()),
  };
  const processor = { image_processor_type: 'ViTImageProcessor', size: { height: SIDE, width: SIDE }, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], resample: 2 }; // prettier-ignore

  before(async () => {
    await writeAttention('vit/onnx/model.onnx');
    await writeAttention('vit/onnx/model_quantized.onnx', { head: 'matmul' });
    await writeFile(at('vit', 'config.json'), JSON.stringify(config));
    await writeFile(at('vit', 'preprocessor_config.json'), JSON.stringify(processor));
  });

  test('its names and its preparation', async () => {
    const { name, labels, preprocessing } = await readModelFolder(await resolve(at('vit')));
    assert.equal(name, 'vit');
    assert.deepEqual(labels, { set: 'own', names: NAMES });
    assert.equal(preprocessing?.mode, 'squash');
    const [row] = await classify('--model', 'vit', '--topk', '5');
    assert.deepEqual(row!.predictions.map(({ label }) => label).toSorted(), NAMES.toSorted());
  });

  test('--dtype chooses among its files', async () => {
    await done('finch', 'models', 'import', 'vit', '--dtype', 'q8', '--name', 'vit8');
    assert.equal(
      (await readModelFolder(at('home', 'models', 'vit8'))).provenance?.source,
      'model_quantized.onnx',
    );
    const ended = await run('finch', 'models', 'import', 'vit', '--dtype', 'q4', '--name', 'vit4');
    assert.equal(ended.code, 3);
    assert.match(
      ended.stderr,
      /expected an ONNX file of --dtype q4, found ONNX files of --dtype fp32, q8\n$/,
    );
  });

  test('names that do not fit: refused, and replaced by others', async () => {
    await writeAttention('gaps/onnx/model.onnx');
    await writeFile(at('gaps', 'preprocessor_config.json'), JSON.stringify(processor));
    await writeFile(at('gaps', 'labels.txt'), NAMES.join('\n'));
    const cases = [
      [{ 0: 'robin', 2: 'wren' }, 'FILE_INVALID', /none for class 1; .* finch models import --labels FILE$/],
      [{ 0: 'robin', 1: 'wren' }, 'MODEL_MISMATCH', /puts out 5 classes, but the names of 2 are given, .* --labels FILE$/],
      [{ 0: 'robin' }, 'MODEL_MISMATCH', /puts out 5 classes, but the names of 1 are given/],
    ] as const; // prettier-ignore
    for (const [id2label, code, message] of cases) {
      await writeFile(at('gaps', 'config.json'), JSON.stringify({ ...config, id2label }));
      await assert.rejects(resolve(at('gaps')), refused(code, message));
      const flags = { dtype: 'float32', name: 'gaps', labels: at('gaps', 'labels.txt'), force: true };
      const { folder } = await importModel(at('gaps'), flags, workOf({}));
      const { graph, labels } = await readModelFolder(folder);
      assert.deepEqual(labels, { set: 'own', names: NAMES });
      assert.notEqual(outputOf(graph).activation, 'sigmoid');
    }
  });

  test('several labels at a time: a probability each', async () => {
    const several = { ...config, problem_type: 'multi_label_classification' };
    await writeAttention('tags/onnx/model.onnx');
    await writeFile(at('tags', 'config.json'), JSON.stringify(several));
    await writeFile(at('tags', 'preprocessor_config.json'), JSON.stringify(processor));
    const [row] = await classify('--model', 'tags', '--topk', '5');
    const sum = row!.predictions.reduce((total, { probability }) => total + probability, 0);
    assert.ok(Math.abs(sum - 1) > 0.1, `${sum}`);
  });
});
