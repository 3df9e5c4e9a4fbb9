// The official `tf.loadLayersModel` opens what finch writes and gives the command line's answer: in examples/browser in headless
// Chromium and under tfjs-node, where those are installed. A network with made-up weights, and one that finch has fine-tuned.

import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { runCli } from '../helpers/run-cli.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';
import { loadRuntime } from '../../src/engine/tfjs/runtime.ts';
import type { Model } from '../../src/artefact/model.ts';
import { sidesOf } from '../../src/util/preprocessing.ts';
import { serveLocally } from '../helpers/local-server.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);

const SIZE = 224;
/** What EfficientNet-Lite0 resizes to. */
const SHORT_SIDE = 256;
const EXAMPLE = path.join(PACKAGE_ROOT, 'examples', 'browser');
const TFJS = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs/package.json')),
  'dist',
  'tf.min.js',
);

/** A model, and a picture that neither side has to resample: its short side is what the model resizes to. */
interface Case {
  readonly model: string;
  readonly picture: string;
}

let scratch: string;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-elsewhere-'));
});
after(() => rm(scratch, { recursive: true, force: true, maxRetries: 5 }));

async function madeUp(): Promise<Case> {
  const { build, classifier } = findArchitecture('resnet18');
  const graph = build(5);
  const model = path.join(scratch, 'made-up');
  await writeModelFolder(
    model,
    {
      name: 'birds',
      graph,
      weights: madeUpWeights(graph),
      preprocessing: { size: SIZE, resize: SIZE, mode: 'crop', interpolation: 'bilinear', ...HALF },
      labels: { set: 'own', names: ['robin', 'wren', 'finch', 'jay', 'crow'] },
      architecture: 'resnet18',
      classifier,
    },
    { dtype: 'float32' },
  );
  const picture = path.join(scratch, 'noise.png');
  await sharp(madeUpPixels('browser', SIZE, SIZE), { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .png()
    .toFile(picture);
  return { model, picture };
}

let learnt: Promise<Case> | undefined;

/** The shipped network after an epoch over some of the drawn shapes. */
function fineTuned(): Promise<Case> {
  learnt ??= (async () => {
    const shapes = path.join(scratch, 'shapes');
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
    const picture = path.join(scratch, 'star.png');
    await sharp(path.join(shapes, 'val', 'star', 'star-00.png'))
      .resize(SHORT_SIDE, SHORT_SIDE, { kernel: 'nearest' })
      .png()
      .toFile(picture);
    return { model: path.join(scratch, 'run', 'best'), picture };
  })();
  return learnt;
}

const CASES = { 'made-up ResNet-18': madeUp, 'fine-tuned EfficientNet-Lite0': fineTuned } as const;

async function commandLine({ model, picture }: Case): Promise<readonly Prediction[]> {
  const { stdout, stderr, code } = await runCli('classify', [picture, '--model', model, '--format', 'json']);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as [{ predictions: Prediction[] }])[0].predictions;
}

function assertSame(found: readonly Prediction[], expected: readonly Prediction[], tolerance: number): void {
  expected.forEach(({ index, label, probability }, i) => {
    const other = found[i]!;
    assert.deepEqual([other.index, other.label], [index, label]);
    assert.ok(
      Math.abs(other.probability - probability) < tolerance,
      `${other.probability} for ${probability}`,
    );
  });
}

describe(
  'a browser gives the command line’s answer',
  { skip: browser === undefined && `none of ${BROWSERS.join(', ')} is installed` },
  () => {
    for (const [name, made] of Object.entries(CASES)) {
      test(name, async () => {
        const given = await made();
        const answer = await answerOfBrowser(given);
        const { predictions, error } = JSON.parse(answer) as { predictions?: string; error?: string };
        assert.ok(predictions, error ?? answer);
        assertSame(JSON.parse(predictions) as Prediction[], await commandLine(given), 1e-3);
      });
    }
  },
);

describe(
  'tf.loadLayersModel under tfjs-node gives the command line’s answer',
  { skip: await tfjsNodeMissing() },
  () => {
    for (const [name, made] of Object.entries(CASES)) {
      test(name, async () => {
        const given = await made();
        const { tf } = await loadRuntime({ device: 'cpu' });
        const model = await tf.loadLayersModel(`file://${given.model}/model.json`);
        const { preprocessing, labels } = (
          model.getUserDefinedMetadata() as { readonly finch: Pick<Model, 'preprocessing' | 'labels'> }
        ).finch;
        const { mean, std, resize } = preprocessing!;
        const [size] = sidesOf(preprocessing!.size);
        const border = (resize - size) / 2;
        const { data } = await sharp(given.picture)
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
          .sort((a, b) => b.probability - a.probability);
        assertSame(found, await commandLine(given), 1e-4);
      });
    }
  },
);

/** What the example says of the picture, as the page keeps it. */
async function answerOfBrowser({ model, picture }: Case): Promise<string> {
  const profile = await mkdtemp(path.join(scratch, 'profile-'));
  let tell: (answer: string) => void;
  const answered = new Promise<string>((resolve) => (tell = resolve));
  const server = await serveLocally((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    if (pathname === '/answer') {
      void text(request)
        .then(tell)
        .finally(() => response.end());
      return;
    }
    void fileFor(pathname, { model, picture }).then(
      ({ content, type }) => response.setHeader('content-type', type).end(content),
      () => response.writeHead(404).end(),
    );
  });
  try {
    return await Promise.race([answered, openPage(`${server.base}/watch.html`, profile)]);
  } finally {
    for (const child of running) stop(child);
    server.close();
  }
}

interface Prediction {
  readonly index: number;
  readonly label: string;
  readonly probability: number;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
};

async function fileFor(pathname: string, { model, picture }: Case) {
  const type = TYPES[path.extname(pathname)] ?? 'application/octet-stream';
  if (pathname === '/watch.html') return { content: WATCH, type };
  return { content: await readFile(placeOf(pathname)), type };

  function placeOf(name: string): string {
    if (name === '/tf.min.js') return TFJS;
    if (name === '/picture.png') return picture;
    if (name.startsWith('/model/')) return path.join(model, path.basename(name));
    return path.join(EXAMPLE, path.basename(name));
  }
}

/** Opens the example in a frame, and tells the server what it says. */
const WATCH = `<iframe id="frame" src="index.html?model=model&image=picture.png"></iframe><script>
  const timer = setInterval(() => {
    const { predictions, error } = document.getElementById('frame').contentDocument?.getElementById('answer')?.dataset ?? {};
    if (predictions === undefined && error === undefined) return;
    clearInterval(timer);
    fetch('answer', { method: 'POST', body: JSON.stringify({ predictions, error }) });
  }, 100);
</script>`;

/** Opens a page, for at most this long. @returns what went wrong, as an answer, when the browser ends */
async function openPage(address: string, profile: string): Promise<string> {
  const child = spawn(
    browser!,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      `--user-data-dir=${profile}`,
      '--remote-debugging-port=0',
      address,
    ],
    { stdio: 'ignore', detached: true },
  );
  running.add(child);
  const timer = setTimeout(() => stop(child), PAGE_TIMEOUT_MS);
  const end = await new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  clearTimeout(timer);
  return JSON.stringify({ error: `the browser ended (${String(end)}) before it answered` });
}

const PAGE_TIMEOUT_MS = 300_000;
const running = new Set<ChildProcess>();

/** The browser with all its processes. */
function stop(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
