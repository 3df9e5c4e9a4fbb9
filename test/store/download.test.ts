// Downloads from a server that misbehaves: cut connections, wrong content, changed files, two processes at once.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { download } from '../../src/store/download.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { serveLocally, type LocalServer } from '../helpers/local-server.ts';

const CONTENT = Buffer.from(madeUpPixels('download', 400, 500));
const sha256Prefix = createHash('sha256').update(CONTENT).digest('hex').slice(0, 8);
const checksum = { algorithm: 'sha256', prefix: sha256Prefix } as const;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let handler: Handler = () => {};
/** Bytes of content that were sent, and the ranges that were asked for. */
let sent = 0;
let ranges: (string | undefined)[] = [];

let server: LocalServer;
let base = '';
let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-download-'));
  server = await serveLocally((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response);
  });
  ({ base } = server);
});
after(async () => {
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

/** A server as it should be, which sends at most `most` bytes of content at a time and then cuts the connection. */
function serve({
  content = CONTENT,
  etag = '"one"',
  most = Infinity,
  ignoreRange = false,
  slowly = false,
} = {}): Handler {
  return (request, response) => {
    const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const resumes = match && !ignoreRange && request.headers['if-range'] === etag;
    const start = resumes ? Number(match[1]) : 0;
    if (resumes && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start);
    response.writeHead(resumes ? 206 : 200, {
      'content-length': body.length,
      etag,
      ...(resumes && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    const part = body.subarray(0, most);
    sent += part.length;
    if (slowly) {
      void (async () => {
        for (let at = 0; at < part.length && !response.destroyed; at += 20_000) {
          response.write(part.subarray(at, at + 20_000));
          await sleep(40);
        }
        response.end();
      })();
    } else {
      response.write(part, () => (part.length < body.length ? response.destroy() : response.end()));
    }
  };
}

let count = 0;
function fresh(next: Handler) {
  handler = next;
  sent = 0;
  ranges = [];
  return path.join(scratch, `file${count++}`, '..', `file${count}.pth`);
}

const get = (file: string, more: Partial<Parameters<typeof download>[0]> = {}) =>
  download({ url: `${base}/file.pth`, file, checksum, maxBytes: 10_000_000, ...more });

const refused = (code: AppError['code'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

const leftOf = async (file: string) =>
  (await readdir(path.dirname(file))).filter((name) => name.startsWith(path.basename(file)));

test('a file arrives whole, with progress that ends at its size, and nothing beside it', async () => {
  const file = fresh(serve());
  const progress: [number, number | undefined][] = [];
  await get(file, { onProgress: (...step) => progress.push(step) });
  assert.deepEqual(await readFile(file), CONTENT);
  assert.deepEqual(progress.at(-1), [CONTENT.length, CONTENT.length]);
  assert.deepEqual(await leftOf(file), [path.basename(file)]);
  await get(file);
  assert.equal(ranges.length, 1, 'a file that is there is not fetched again');
});

test('a connection that is cut again and again: each goes on where the last one ended', async () => {
  const file = fresh(serve({ most: 150_000 }));
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
  // What was on its way when the connection broke is lost; what had arrived is not sent again.
  assert.ok(sent < 1.5 * CONTENT.length, `${sent} bytes were sent for ${CONTENT.length}`);
  assert.ok(ranges.length >= 4 && ranges.slice(1).every((range) => range !== undefined));
});

test('a server without ranges starts over', async () => {
  const file = fresh((request, response) =>
    serve({ ignoreRange: true, most: ranges.length < 3 ? 100_000 : Infinity })(request, response),
  );
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('a file that changed in between starts over', async () => {
  const old = Buffer.from(CONTENT).reverse();
  const file = fresh((request, response) =>
    ranges.length === 1
      ? serve({ content: old, etag: '"old"', most: 100_000 })(request, response)
      : serve()(request, response),
  );
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('wrong content is refused and nothing is left behind', async () => {
  const file = fresh(serve({ content: Buffer.from('something else') }));
  await assert.rejects(
    get(file),
    refused('DOWNLOAD_FAILED', new RegExp(`its sha256 is \\w+…, expected ${sha256Prefix}…`)),
  );
  assert.deepEqual(await leftOf(file), []);
});

test('too large, announced or not', async () => {
  await assert.rejects(
    get(fresh(serve()), { maxBytes: 1000 }),
    refused('DOWNLOAD_FAILED', /the limit is 1000/),
  );
  const unannounced = fresh((_request, response) => response.end(CONTENT));
  await assert.rejects(
    get(unannounced, { maxBytes: 1000 }),
    refused('DOWNLOAD_FAILED', /more than 1000 bytes|the limit is 1000/),
  );
});

test('what the server refuses is said at once; what it fails at is tried again', async () => {
  const missing = fresh((_request, response) => response.writeHead(404).end());
  await assert.rejects(
    get(missing),
    refused('DOWNLOAD_FAILED', /answered 404 Not Found\. Check the network, try --mirror/),
  );
  assert.equal(ranges.length, 1);
  const flaky = fresh((request, response) =>
    ranges.length < 3 ? response.writeHead(503).end() : serve()(request, response),
  );
  await get(flaky);
  assert.deepEqual(await readFile(flaky), CONTENT);
});

test('nobody there', async () => {
  const file = fresh(serve());
  await assert.rejects(
    get(file, { url: 'http://127.0.0.1:1/file.pth' }),
    refused('DOWNLOAD_FAILED', /ECONNREFUSED|bad port/),
  );
  await assert.rejects(
    get(file, { url: 'file:///etc/passwd' }),
    refused('DOWNLOAD_FAILED', /only http and https/),
  );
});

test('redirects are followed', async () => {
  const file = fresh((request, response) =>
    request.url === '/file.pth'
      ? response.writeHead(302, { location: '/elsewhere' }).end()
      : serve()(request, response),
  );
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('interrupted: the part stays, and the next call asks only for the rest', async () => {
  const file = fresh(serve({ slowly: true }));
  const interrupt = new AbortController();
  const onProgress = (received: number) => received > 100_000 && interrupt.abort();
  await assert.rejects(
    get(file, { signal: interrupt.signal, onProgress }),
    refused('INTERRUPTED', /goes on where it stopped/),
  );
  const { size } = await stat(`${file}.part`);
  assert.ok(size > 0 && size < CONTENT.length);
  handler = serve();
  sent = 0;
  await get(file);
  assert.equal(sent, CONTENT.length - size);
});

function inProcess(file: string): ChildProcess {
  const module = pathToFileURL(path.join(PACKAGE_ROOT, 'dist', 'src', 'store', 'download.js')).href;
  const request = JSON.stringify({ url: `${base}/file.pth`, file, checksum, maxBytes: 10_000_000 });
  return spawn(
    process.execPath,
    ['-e', `import(${JSON.stringify(module)}).then((m) => m.download(${request}))`],
    { stdio: 'inherit' },
  );
}

test('two processes at once share one download', async () => {
  const file = fresh(serve({ slowly: true }));
  const codes = await Promise.all(
    [inProcess(file), inProcess(file)].map(async (child) => (await once(child, 'close'))[0] as number),
  );
  assert.deepEqual(codes, [0, 0]);
  assert.equal(sent, CONTENT.length);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('killed in the middle: the next process takes over the lock and the part', async () => {
  const file = fresh(serve({ slowly: true }));
  const child = inProcess(file);
  while (!((await stat(`${file}.part`).catch(() => undefined))?.size ?? 0)) await sleep(20);
  await sleep(100);
  child.kill('SIGKILL');
  await once(child, 'close');
  const { size } = await stat(`${file}.part`);
  handler = serve();
  sent = 0;
  await get(file);
  assert.equal(sent, CONTENT.length - size);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('a part without a known version is not built upon', async () => {
  const file = fresh(serve());
  await writeFile(`${file}.part`, 'from who knows where');
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('a server that compresses what was asked for as it is: cut once, the next one starts over', async () => {
  const gzip: Handler = (_request, response) => {
    const body = gzipSync(CONTENT, { level: 1 });
    response.writeHead(200, { 'content-encoding': 'gzip', etag: '"one"' });
    response.write(body.subarray(0, ranges.length === 1 ? body.length / 2 : undefined), () =>
      ranges.length === 1 ? response.destroy() : response.end(),
    );
  };
  const file = fresh(gzip);
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
  assert.deepEqual(ranges, [undefined, undefined]);
});

test('a beginning that a former finch kept of a compressed answer does not spoil later ones', async () => {
  const file = fresh((request, response) => {
    if (request.headers.range === undefined) return serve()(request, response);
    response.writeHead(206, {
      'content-encoding': 'gzip',
      'content-range': `bytes 1000-${CONTENT.length - 1}/${CONTENT.length}`,
    });
    return response.end('not gzip');
  });
  await writeFile(`${file}.part`, CONTENT.subarray(0, 1000));
  await writeFile(`${file}.part.etag`, '"one"');
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('another part than was asked for is thrown away, and the whole asked for', async () => {
  const file = fresh((request, response) => {
    if (request.headers.range === undefined) return serve()(request, response);
    response.writeHead(206, { 'content-range': 'bytes 0-9/10', 'content-length': 10 });
    return response.end('0123456789');
  });
  await writeFile(`${file}.part`, CONTENT.subarray(0, 1000));
  await writeFile(`${file}.part.etag`, '"one"');
  await get(file);
  assert.deepEqual(await readFile(file), CONTENT);
});

test('redirects in a circle end, and those to elsewhere than http are refused', async () => {
  const circle = fresh((_request, response) => response.writeHead(302, { location: '/file.pth' }).end());
  await assert.rejects(get(circle), refused('DOWNLOAD_FAILED', /redirects more than 5 times/));
  for (const location of ['file:///etc/passwd', 'data:,x']) {
    const odd = fresh((_request, response) => response.writeHead(302, { location }).end());
    await assert.rejects(get(odd), refused('DOWNLOAD_FAILED', /redirects to/));
  }
});

test('a body without end is cut at the size that was expected', async () => {
  const endless = fresh((_request, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(
    get(endless, { maxBytes: 1_000_000 }),
    refused('DOWNLOAD_FAILED', /more than 1000000 bytes/),
  );
});

test('lengths and tags that are none do no harm', async () => {
  const file = fresh((_request, response) => {
    response.socket!.end(
      `HTTP/1.1 200 OK\r\netag: ${'x'.repeat(8000)}\r\nconnection: close\r\n\r\n${'y'.repeat(100)}`,
    );
  });
  await assert.rejects(get(file), refused('DOWNLOAD_FAILED', /its sha256 is/));
  const negative = fresh((_request, response) => {
    response.socket!.end('HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello');
  });
  await assert.rejects(get(negative), (error) => error instanceof AppError);
});
