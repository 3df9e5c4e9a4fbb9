// library.test.ts: the library gives the command line's rows, prints nothing, and leaves nothing open.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { evaluate, finetune, FinchError, openModel, type ClassifyRow, type PictureInput } from 'finch';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
let pictures: readonly string[] = [];
const broken = () => at('broken.png');

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-library-'));
  process.env['FINCH_HOME'] = at('home');
  await writeSmallModel(at('small'));
  const names = ['a.png', 'b.jpg', 'c.png'].map((name) => at(name));
  pictures = await Promise.all(names.map((file, i) => draw(file, i % 2 === 0 ? 'disc' : 'stripes')));
  await writeFile(broken(), 'no picture');
});

after(() => rm(scratch, { recursive: true, force: true }));

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

const small = () => openModel(at('small'));

test('classify: the rows of --format json, the broken picture in its place', async () => {
  const inputs = [...pictures, broken(), at('missing.png')];
  const cli = await runCli('classify', [...inputs, '--model', at('small'), '--topk', '2', '--format', 'json'], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  const model = await small();
  try {
    const rows = await all(model.classify(inputs, { topk: 2 }));
    assert.deepEqual(rows, JSON.parse(cli.stdout));
  } finally {
    await model.close();
  }
});

test('paths, URLs, bytes, folders, globs and iterables of them may be mixed', async () => {
  const bytes = await readFile(pictures[0]!);
  async function* mixed(): AsyncGenerator<PictureInput> {
    yield pictures[0]!;
    yield bytes;
    yield pathToFileURL(pictures[1]!);
    yield at('*.png');
  }
  await using model = await small();
  const rows = await all(model.classify(mixed(), { topk: 1 }));
  const files = rows.map(({ file }) => file);
  assert.deepEqual(files, [pictures[0], null, pictures[1], at('a.png'), broken(), at('c.png')]);
  const [named, nameless] = rows as [ClassifyRow, ClassifyRow];
  assert.deepEqual({ ...nameless, file: pictures[0] }, named);
});

test('two models side by side and two calls at once do not mix', async () => {
  const [one, other] = await Promise.all([small(), openModel('efficientnet_lite0')]);
  try {
    const alone = [await all(one.classify(pictures)), await all(other.classify(pictures))];
    const together = await Promise.all([
      all(one.classify(pictures)),
      all(other.classify(pictures)),
      all(one.classify([...pictures].toReversed())),
      all(one.features(pictures, { cache: false })),
    ]);
    assert.deepEqual(together.slice(0, 2), alone);
    assert.deepEqual([...together[2]].toReversed(), alone[0]);
    assert.deepEqual(together[3].map((row) => 'shape' in row && row.shape), [[24], [24], [24]]); // prettier-ignore
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});

test('features: rows of extract-features, scaled to length 1 where asked', async () => {
  await using model = await small();
  const [row] = await all(model.features(pictures[0]!, { normalize: true }));
  assert.ok(row && 'features' in row);
  const length = Math.hypot(...row.features);
  assert.ok(Math.abs(length - 1) < 1e-5, `length ${length}`);
  const maps = await all(model.features(pictures[0]!, { layer: 'relu2', pool: 'none' }));
  assert.deepEqual(maps.map((found) => 'shape' in found && found.shape), [[6, 6, 24]]); // prettier-ignore
});

test('an abort ends a call in the middle, even while its source waits', async () => {
  await using model = await small();
  const abort = new AbortController();
  const never = new Promise<never>(() => {});
  async function* stalled(): AsyncGenerator<string> {
    yield* pictures;
    await never;
  }
  const rows: ClassifyRow[] = [];
  const calling = (async () => {
    for await (const row of model.classify(stalled(), { signal: abort.signal })) {
      rows.push(row);
      if (rows.length === pictures.length) abort.abort(new Error('enough'));
    }
  })();
  await assert.rejects(calling, (error) => error instanceof FinchError && error.code === 'INTERRUPTED');
  assert.equal(rows.length, pictures.length);
  // The model goes on.
  assert.equal((await all(model.classify(pictures))).length, pictures.length);
});

test('errors are FinchErrors that name options, and a closed model says so', async () => {
  const model = await small();
  const code = (wanted: string, text: RegExp) => (error: unknown) =>
    error instanceof FinchError &&
    error.name === 'FinchError' &&
    error.code === wanted &&
    text.test(error.message);
  await assert.rejects(all(model.classify(pictures, { topk: 0 })), code('USAGE', /^topk must be/));
  await assert.rejects(all(model.features(pictures, { layer: 'relu' })), code('USAGE', /relu1/));
  await assert.rejects(
    openModel(at('small'), { preprocessing: { minSide: -1 } }),
    code('USAGE', /^minSide must be/),
  );
  await assert.rejects(openModel('resnet19'), code('MODEL_NOT_FOUND', /resnet18/));
  await assert.rejects(openModel(at('small'), { device: 'coreml' }), code('ENGINE_UNAVAILABLE', /coreml/));
  await model.close();
  await assert.rejects(all(model.classify(pictures)), code('USAGE', /closed/));
});

test('info: what was opened', async () => {
  await using model = await small();
  const { name, classes, labels, inputSize, device } = model.info;
  assert.deepEqual([name, classes, inputSize, device], ['small', 7, 24, 'onnx on cpu']);
  assert.equal(labels.length, 7);
});

test('finetune and evaluate: the objects of summary.json and --format json', async () => {
  await writeDataset(at('data'), ['red', 'green'], 8);
  const texts: string[] = [];
  const run = await finetune(at('data'), {
    model: at('small'),
    epochs: 0,
    out: at('run'),
    onProgress: ({ text }) => texts.push(text),
  });
  assert.equal(run.folder, at('run'));
  assert.deepEqual(run.summary, JSON.parse(await readFile(at('run', 'summary.json'), 'utf8')));
  assert.ok(texts.length > 0);
  const figures = await evaluate(at('data'), { model: run.best });
  const cli = await runCli('finch', ['evaluate', at('data'), '--model', run.best, '--format', 'json'], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  assert.deepEqual(figures, JSON.parse(cli.stdout));
  const aborted = AbortSignal.abort();
  await assert.rejects(
    finetune(at('data'), { model: at('small'), epochs: 0, out: at('never'), signal: aborted }),
    (error) => error instanceof FinchError && error.code === 'INTERRUPTED',
  );
});

/** A program of its own: what it prints, and that it ends by itself. */
function program(source: string) {
  const file = path.join(PACKAGE_ROOT, 'dist', 'examples', 'library', source);
  return (...args: string[]) =>
    spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', timeout: 120_000, env: { ...process.env, FINCH_HOME: at('home') } }); // prettier-ignore
}

test('examples/library/classify: prints its rows alone and ends by itself', () => {
  const { stdout, stderr, status } = program('classify.js')(pictures[0]!);
  assert.deepEqual([stderr, status], ['', 0]);
  assert.match(stdout, /^\S+a\.png .+ 0\.\d+\nbytes .+ 0\.\d+\n$/);
});

test('examples/library/features: the cosine of a picture and itself is 1', () => {
  const { stdout, stderr, status } = program('features.js')(pictures[0]!, pictures[0]!);
  assert.deepEqual([stdout, stderr, status], ['1.0000\n', '', 0]);
});

test('CommonJS: await import', () => {
  const script = `import('finch').then(({ openModel }) => console.log(typeof openModel))`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=commonjs', '-e', script], { cwd: PACKAGE_ROOT, encoding: 'utf8' }); // prettier-ignore
  assert.deepEqual([stdout, status], ['function\n', 0]);
});
