// What `models export --page` writes gives the command line's answers: in headless Chromium, where that is installed. The official
// `tf.loadLayersModel` opens what finch writes and gives them too: under tfjs-node. A network with made-up weights, and one that finch
// has fine-tuned.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { readModelMetadata, writeModelFolder } from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { loadRuntime } from '../../src/engine/tfjs/runtime.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { sidesOf } from '../../src/util/preprocessing.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { BROWSERS, findBrowser } from '../helpers/browsers.ts';
import { askPage, type PageAnswer } from '../helpers/page-browser.ts';
import { runCli } from '../helpers/run-cli.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const browser = findBrowser();

const SIZE = 224;
/** What EfficientNet-Lite0 resizes to. */
const SHORT_SIDE = 256;

/** What stands in a class name is text, also where it looks like something else. */
const NAMES = [
  'robin',
  '</script><img src=x onerror=alert(1)>',
  'two\nlines',
  '\u202egnorw',
  'crow & <b>co</b>',
];

/** A model, and pictures. The first is one that neither side has to resample: its short side is what the model resizes to. */
interface Case {
  readonly model: string;
  readonly pictures: readonly string[];
}

let scratch: string;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-elsewhere-'));
});
after(() => rm(scratch, { recursive: true, force: true, maxRetries: 5 }));

const at = (name: string) => path.join(scratch, name);

async function madeUp(): Promise<Case> {
  const { build, classifier } = findArchitecture('resnet18');
  const graph = build(NAMES.length);
  const model = at('made-up');
  await writeModelFolder(
    model,
    {
      name: '<i>birds</i>',
      graph,
      weights: madeUpWeights(graph),
      preprocessing: { size: SIZE, resize: SIZE, mode: 'crop', interpolation: 'bilinear', ...HALF },
      labels: { set: 'own', names: NAMES },
      architecture: 'resnet18',
      classifier,
    },
    { dtype: 'float32' },
  );
  const noise = (width: number, height: number, channels: 3 | 4) =>
    sharp(madeUpPixels('browser', width, (height * channels) / 3), { raw: { width, height, channels } });
  const [plain, transparent, wide] = [at('noise.png'), at('transparent.png'), at('wide.webp')];
  await noise(SIZE, SIZE, 3).png().toFile(plain);
  await noise(300, 240, 4).png().toFile(transparent);
  await noise(501, 333, 3).webp({ lossless: true }).toFile(wide);
  return { model, pictures: [plain, transparent, wide] };
}

let learnt: Promise<Case> | undefined;

/** The shipped network after an epoch over some of the drawn shapes. */
function fineTuned(): Promise<Case> {
  learnt ??= (async () => {
    const shapes = at('shapes');
    const draw = path.join(PACKAGE_ROOT, 'examples', 'make-shapes.js');
    await promisify(execFile)(process.execPath, [draw, shapes]);
    // A few of each shape: how well the network learnt is not asked here.
    for (const name of await readdir(shapes, { recursive: true })) {
      if (/-(0[4-9]|[1-4]\d)\.png$/.test(name)) await rm(path.join(shapes, name));
    }
    const { code, stderr } = await runCli('finetune', ['shapes', '--epochs', '1', '--out', 'run'], {
      env: { FINCH_HOME: scratch },
      spawn: { cwd: scratch },
    });
    assert.equal(code, 0, stderr);
    const star = sharp(path.join(shapes, 'val', 'star', 'star-00.png'));
    const whole = at('star.png');
    await star.clone().resize(SHORT_SIDE, SHORT_SIDE, { kernel: 'nearest' }).png().toFile(whole);
    const book = path.join(PACKAGE_ROOT, 'examples', 'book.png');
    const turned = at('turned.jpg');
    await sharp(book)
      .resize(700, 460, { fit: 'fill' })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toFile(turned);
    return { model: at('run/best'), pictures: [whole, book, turned] };
  })();
  return learnt;
}

const CASES = { 'made-up ResNet-18': madeUp, 'fine-tuned EfficientNet-Lite0': fineTuned } as const;

interface Prediction {
  readonly index: number;
  readonly label: string;
  readonly probability: number;
}

interface CommandLineAnswer {
  readonly predictions: readonly Prediction[];
  readonly unknown?: true;
}

/** Top 5 of each picture, which is what the page shows. */
async function commandLine({ model, pictures }: Case): Promise<readonly CommandLineAnswer[]> {
  const given = [...pictures, '--model', model, '--topk', '5', '--format', 'json'];
  const { stdout, stderr, code } = await runCli('classify', given);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as CommandLineAnswer[];
}

function assertSame(found: readonly Prediction[], expected: readonly Prediction[], tolerance: number): void {
  assert.equal(found.length, expected.length);
  for (const { index, label, probability } of expected) {
    const other = found.find((row) => row.index === index);
    assert.equal(other?.label, label);
    const difference = Math.abs(other.probability - probability);
    assert.ok(difference < tolerance, `${other.probability} for ${probability}`);
  }
}

/** Of two JPEG decoders one may round otherwise. */
const toleranceFor = (picture: string) => (picture.endsWith('.jpg') ? 1e-3 : 1e-4);

describe(
  'the page gives the command line’s answers',
  { skip: browser === undefined && `none of ${BROWSERS.join(', ')} is installed` },
  () => {
    for (const [name, made] of Object.entries(CASES)) {
      test(name, async () => {
        const given = await made();
        const page = at(`page of ${name}`);
        const { code, stderr } = await runCli('finch', ['models', 'export', given.model, '--format', 'tfjs', '--page', '--out', page]); // prettier-ignore
        assert.equal(code, 0, stderr);
        const broken = path.join(page, 'model.json');
        const { answers, requests, title } = await askPage(browser!, page, [...given.pictures, broken]);
        const expected = await commandLine(given);
        given.pictures.forEach((picture, i) => {
          const { predictions, unknown = false } = expected[i]!;
          assertSame(predictionsOf(answers[i]!), predictions, toleranceFor(picture));
          assert.equal(answers[i]!.isUnknown, unknown, picture);
        });
        assert.match(answers.at(-1)!.problem ?? '', /^Not read: this browser cannot decode it/);
        assert.equal(title, (await readModelMetadata(given.model)).name);
        const files = await readdir(page);
        const others = requests.filter((file) => !files.includes(file));
        assert.deepEqual(others, [], 'asked for what is not in the folder');
      });
    }
  },
);

function predictionsOf({ problem, rows }: PageAnswer): readonly Prediction[] {
  assert.ok(rows, problem);
  return rows;
}

describe(
  'tf.loadLayersModel under tfjs-node gives the command line’s answer',
  { skip: await tfjsNodeMissing() },
  () => {
    for (const [name, made] of Object.entries(CASES)) {
      test(name, async () => {
        const { model: folder, pictures } = await made();
        const [picture] = pictures;
        const { tf } = await loadRuntime({ device: 'cpu' });
        const model = await tf.loadLayersModel(`file://${folder}/model.json`);
        const { preprocessing, labels } = (
          model.getUserDefinedMetadata() as { readonly finch: Pick<Model, 'preprocessing' | 'labels'> }
        ).finch;
        const { mean, std, resize } = preprocessing!;
        const [size] = sidesOf(preprocessing!.size);
        const border = (resize - size) / 2;
        const { data } = await sharp(picture)
          .removeAlpha()
          .extract({ left: border, top: border, width: size, height: size })
          .raw()
          .toBuffer({ resolveWithObject: true });
        const probabilities = tf.tidy(() => {
          const pixels = tf.tensor4d(new Float32Array(data), [1, size, size, 3]);
          const logits = model.predict(tf.div(tf.sub(tf.div(pixels, 255), [...mean]), [...std]));
          return tf.softmax(logits as import('@tensorflow/tfjs').Tensor).dataSync();
        });
        model.dispose();
        const names = labels && 'names' in labels ? labels.names : [];
        const found = [...probabilities]
          .map((probability, index) => ({ index, label: names[index]!, probability }))
          .sort((a, b) => b.probability - a.probability)
          .slice(0, 5);
        const [expected] = await commandLine({ model: folder, pictures: [picture!] });
        assertSame(found, expected!.predictions, 1e-4);
      });
    }
  },
);
