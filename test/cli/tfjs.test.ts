// --engine tfjs as a user meets it: the packages absent, half installed or broken, and pure JavaScript that always works.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');

let scratch: string;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-tfjs-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A folder whose node_modules has a package of this name with this content. */
async function withPackage(folder: string, name: string, source: string): Promise<string> {
  const home = path.join(scratch, folder);
  const place = path.join(home, 'node_modules', name);
  await mkdir(place, { recursive: true });
  await writeFile(
    path.join(place, 'package.json'),
    JSON.stringify({ name, version: '4.22.0', main: 'index.js' }),
  );
  await writeFile(path.join(place, 'index.js'), source);
  return home;
}

const classify = (args: readonly string[], tfjs: string) =>
  runCli('classify', [BOOK, ...args], { env: { FINCH_TFJS: tfjs } });

describe('a package that is not right is one line and exit code 3', () => {
  const broken = (message: string) => `throw new Error(${JSON.stringify(message)});`;
  /** A TensorFlow that loads, on the CPU. */
  const onCpu = `exports.version_core = '4.22.0'; exports.backend = () => ({ isUsingGpuDevice: false, binding: { TF_Version: '2.20.0' } });`;
  const cases = [
    [
      'absent',
      '',
      [],
      /neither @tensorflow\/tfjs-node-gpu nor @tensorflow\/tfjs-node is installed in \S+nothing \(FINCH_TFJS\)\. Run: npm install/,
    ],
    [
      'no-addon',
      broken('The Node.js native addon module (tfjs_binding.node) can not be found'),
      [],
      /installed without its addon\. Build it: npm run build:tfjs-node/,
    ],
    [
      'abi',
      broken('libtensorflow_cc.so.2: undefined symbol: TFE_Execute, version X'),
      [],
      /built against another TensorFlow \(undefined symbol TFE_Execute\)/,
    ],
    [
      'cuda',
      broken('libcublas.so.12: cannot open shared object file: No such file or directory'),
      [],
      /CUDA library libcublas\.so\.12 is missing/,
    ],
    [
      'cpu-only',
      onCpu,
      ['--device', 'cuda'],
      /--device cuda: got TensorFlow 2\.20\.0 \(tfjs-node 4\.22\.0\) on cpu\. TensorFlow sees no GPU/,
    ],
  ] as const;
  for (const [folder, source, args, message] of cases) {
    test(folder, async () => {
      const home = source
        ? await withPackage(folder, '@tensorflow/tfjs-node', source)
        : path.join(scratch, 'nothing');
      const { code, stdout, stderr } = await classify(['--engine', 'tfjs', ...args], home);
      assert.equal(code, 3, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }
});

test('--device js gives the default engine’s answer, and says what it runs on', async () => {
  const model = path.join(scratch, 'small');
  await writeSmallModel(model);
  const args = [BOOK, '--model', model, '--format', 'json'];
  const [slow, fast] = [
    await runCli('classify', [...args, '--device', 'js']),
    await runCli('classify', args),
  ];
  assert.equal(slow.code, 0, slow.stderr);
  assert.match(slow.stderr, /small on TensorFlow\.js 4\.22\.0 in JavaScript/);
  const of = (text: string) =>
    (JSON.parse(text) as [{ predictions: { index: number; probability: number }[] }])[0].predictions;
  of(fast.stdout).forEach(({ index, probability }, i) => {
    const other = of(slow.stdout)[i]!;
    assert.equal(other.index, index);
    assert.ok(Math.abs(other.probability - probability) < 1e-5);
  });
});

describe('a device whose memory holds four pictures', () => {
  let home: string;
  let small: string;
  before(async () => {
    const real = createRequire(import.meta.url).resolve('@tensorflow/tfjs');
    home = await withPackage(
      'four-pictures',
      '@tensorflow/tfjs',
      `const tf = require(${JSON.stringify(real)});
      const conv2d = (x, ...rest) => {
        if (x.shape[0] > 4) throw new Error('Invalid TF_Status: 8 Message: OOM when allocating tensor with shape[' + x.shape + ']');
        return tf.conv2d(x, ...rest);
      };
      module.exports = Object.create(tf, { conv2d: { value: conv2d } });`,
    );
    small = path.join(home, 'small');
    await writeSmallModel(small);
    await writeDataset(path.join(home, 'data'), ['a', 'b'], 6);
  });

  const run = (program: string, args: readonly string[], folder?: string) =>
    runCli(program, [...args, '--model', small, '--device', 'js'], {
      env: { FINCH_HOME: home, ...(folder !== undefined && { FINCH_TFJS: folder }) },
      spawn: { cwd: home },
    });
  const metrics = (out: string) => readFile(path.join(home, out, 'metrics.csv'), 'utf8');

  test('finetune computes steps in parts and says so; a size that was asked for is refused with one that fits', async () => {
    const args = ['data', '--epochs', '1', '--lr', '0.00001'];
    const divided = await run('finetune', [...args, '--out', 'divided'], home);
    assert.equal(divided.code, 0, divided.stderr);
    assert.match(divided.stderr, /memory holds (4|3|2) pictures at a time/);
    const whole = await run('finetune', [...args, '--out', 'whole']);
    assert.equal(whole.code, 0, whole.stderr);
    const [a, b] = [await metrics('whole'), await metrics('divided')].map((text) =>
      text.split(/[,\n]/).map(Number).filter(Number.isFinite),
    );
    assertAllClose(b!, a!, { rtol: 1e-5 }, 'metrics');
    const statistics = await run('finetune', [...args, '--batch-norm', 'train', '--out', 'statistics'], home);
    assert.match(statistics.stderr, /computed in parts, and --batch-norm train uses each part's statistics/);
    const refused = await run('finetune', [...args, '--batch-size', '8', '--out', 'refused'], home);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(
      refused.stderr,
      /training small with 8 pictures at a time takes more memory than js has\. 4 fit: use --batch-size 4/,
    );
  });

  test('an engine that is not there leaves no run folder behind', async () => {
    const { code, stderr } = await run('finetune', ['data', '--out', 'none'], path.join(scratch, 'nothing'));
    assert.equal(code, 3, stderr);
    assert.match(
      stderr,
      /@tensorflow\/tfjs is not installed in \S+nothing \(FINCH_TFJS\)\. Run: npm install/,
    );
    assert.ok(!(await readdir(home)).includes('none'));
  });

  test('classify computes in parts likewise', async () => {
    const divided = await run('classify', ['data', '--format', 'csv'], home);
    assert.equal(divided.code, 0, divided.stderr);
    assert.match(divided.stderr, /memory holds 4 pictures at a time/);
    assert.equal(divided.stdout, (await run('classify', ['data', '--format', 'csv'])).stdout);
    const refused = await run('classify', ['data', '--batch-size', '12'], home);
    assert.equal(refused.code, 3, refused.stderr);
    const said = /error: running small with (\d+) pictures at a time .* (\d+) fit: use --batch-size \2/;
    const [, asked, fit] = (said.exec(refused.stderr) ?? assert.fail(refused.stderr)).map(Number);
    // A batch does not wait for pictures that are slow to decode. It is halved until it fits.
    assert.ok(asked! > 4 && asked! <= 12, refused.stderr);
    const halves = [asked!];
    while (halves.at(-1)! > 4) halves.push(Math.ceil(halves.at(-1)! / 2));
    assert.equal(fit, halves.at(-1));
  });
});
