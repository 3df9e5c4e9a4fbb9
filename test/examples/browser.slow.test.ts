// examples/browser in headless Chromium, where it is installed: a model folder opened by plain TensorFlow.js gives the CLI's answer.

import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import sharp from 'sharp';
import { writeModelFolder } from '../../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/registry.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { runCli } from '../helpers/run-cli.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);

const SIZE = 224;
const EXAMPLE = path.join(PACKAGE_ROOT, 'examples', 'browser');
const TFJS = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs/package.json')),
  'dist',
  'tf.min.js',
);

test(
  'a browser gives the command line’s answer',
  { skip: browser === undefined && `none of ${BROWSERS.join(', ')} is installed` },
  async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'finch-browser-'));
    const { build, classifier } = findArchitecture('resnet18');
    const graph = build(5);
    const names = ['robin', 'wren', 'finch', 'jay', 'crow'];
    await writeModelFolder(
      path.join(scratch, 'model'),
      {
        name: 'birds',
        graph,
        weights: madeUpWeights(graph),
        // No resampling on either side: the picture has the network's size.
        preprocessing: { size: SIZE, resize: SIZE, mode: 'crop', interpolation: 'bilinear', ...HALF },
        labels: { set: 'own', names },
        architecture: 'resnet18',
        classifier,
      },
      { dtype: 'float32' },
    );
    const picture = path.join(scratch, 'picture.png');
    await sharp(madeUpPixels('browser', SIZE, SIZE), { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .png()
      .toFile(picture);
    let tell: (answer: string) => void;
    const answered = new Promise<string>((resolve) => (tell = resolve));
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost');
      if (pathname === '/answer') {
        void text(request)
          .then(tell)
          .finally(() => response.end());
        return;
      }
      void fileFor(pathname, scratch).then(
        ({ content, type }) => response.setHeader('content-type', type).end(content),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const answer = await Promise.race([
        answered,
        openPage(`http://127.0.0.1:${port}/watch.html`, path.join(scratch, 'profile')),
      ]);
      const { predictions: found, error } = JSON.parse(answer) as { predictions?: string; error?: string };
      assert.ok(found, error ?? answer);
      const inBrowser = JSON.parse(found) as Prediction[];
      const args = [picture, '--model', path.join(scratch, 'model'), '--format', 'json'];
      const { stdout, stderr, code } = await runCli('classify', args);
      assert.equal(code, 0, stderr);
      const [{ predictions }] = JSON.parse(stdout) as [{ predictions: Prediction[] }];
      predictions.forEach(({ index, label, probability }, i) => {
        const other = inBrowser[i]!;
        assert.deepEqual([other.index, other.label], [index, label]);
        assert.ok(
          Math.abs(other.probability - probability) < 1e-3,
          `${other.probability} for ${probability}`,
        );
      });
    } finally {
      for (const child of running) stop(child);
      server.close();
      server.closeAllConnections();
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    }
  },
);

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

async function fileFor(pathname: string, scratch: string) {
  const type = TYPES[path.extname(pathname)] ?? 'application/octet-stream';
  if (pathname === '/watch.html') return { content: WATCH, type };
  if (pathname === '/tf.min.js') return { content: await readFile(TFJS), type };
  const isPage = pathname === '/index.html' || pathname === '/classify.js';
  return { content: await readFile(path.join(isPage ? EXAMPLE : scratch, pathname)), type };
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

const PAGE_TIMEOUT_MS = 90_000;
const running = new Set<ChildProcess>();

/** The browser with all its processes. */
function stop(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
