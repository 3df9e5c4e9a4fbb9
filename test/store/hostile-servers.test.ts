// Servers that answer what no server should: each ends in one bounded line, and no file is left under the final name.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { download } from '../../src/store/download.ts';
import { AppError } from '../../src/util/errors.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { serveLocally, type LocalServer } from '../helpers/local-server.ts';

const CONTENT = Buffer.from(madeUpPixels('servers', 100, 100));
const sha256Prefix = createHash('sha256').update(CONTENT).digest('hex').slice(0, 8);
const checksum = { algorithm: 'sha256', prefix: sha256Prefix } as const;
const maxBytes = 100_000;
/** A server that sends nothing for this long is given up, here in milliseconds instead of half a minute. */
const STALL_MS = 300;
/** One that sends less than a byte a millisecond is given up after this long, instead of after a minute. */
const SLOW_MS = 500;
/** Longer than all attempts together, on a busy machine too. */
const LIMIT_MS = 20_000;

type Handler = (response: ServerResponse, request: IncomingMessage) => void;

/** The bytes of an answer, as they are. */
const raw =
  (...parts: readonly (string | Buffer)[]): Handler =>
  ({ socket }) =>
    socket!.end(Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))));

const answer =
  (status: number, headers: Readonly<Record<string, string | number>> = {}, body = ''): Handler =>
  (response) =>
    response.writeHead(status, headers).end(body);

const redirect = (location: string) => raw(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\n\r\n`);

/** Sends `text` again and again until the other side has enough. */
const drip =
  (start: string, text: string, pause: number): Handler =>
  ({ socket }) => {
    socket!.on('error', () => {});
    void (async () => {
      socket!.write(start);
      while (!socket!.destroyed) {
        socket!.write(text);
        await sleep(pause);
      }
    })();
  };

/** The first answer is cut in the middle. */
const cutThen =
  (next: Handler): Handler =>
  (response, request) => {
    if (request.headers.range !== undefined) return next(response, request);
    response.writeHead(200, { 'content-length': CONTENT.length, etag: '"1"' });
    response.write(CONTENT.subarray(0, 10_000), () => setTimeout(() => response.destroy(), 50));
  };

const OK = 'HTTP/1.1 200 OK\r\n';
const rest = (from: number) => ({ 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` });

const REFUSED: Readonly<Record<string, readonly [Handler, RegExp]>> = {
  'a redirect to a file': [redirect('file:///etc/hostname'), /redirects to an address/],
  'a redirect to a closed port of this machine': [redirect('http://127.0.0.1:1/x'), /bad port|ECONNREFUSED/],
  'a redirect with a password': [redirect('http://me:secret@127.0.0.1:1/x'), /credentials|redirects to/],
  'a redirect to no address': [redirect('http://[::x'), /redirects to 'http:/],
  'a redirect to 15,000 characters': [redirect(`http://${'x'.repeat(15_000)}/`), /./],
  'a redirect without a place': [answer(302), /answered 302/],
  'NUL in the place of a redirect': [redirect('/a\0b'), /./],
  'escapes in the place of a redirect': [redirect('http://\x1b[2J\x9b31m'), /./],
  'headers of 1 MB': [raw(OK, `x-long: ${'x'.repeat(1e6)}\r\n\r\n`), /header/i],
  '50,000 headers': [raw(OK, 'x: 1\r\n'.repeat(50_000), '\r\n'), /header/i],
  'escapes in the reason': [raw('HTTP/1.1 404 \x1b[2J\x9b31m\r\n\r\n'), /./],
  'a page': [answer(200, { 'content-type': 'text/html' }, '<!doctype html><p>Sign in'), /its sha256 is/],
  'nothing': [answer(200), /its sha256 is/],
  'no content': [answer(204), /answered 204/],
  'not modified': [answer(304), /answered 304/],
  'a status that is none': [raw('HTTP/1.1 99999 x\r\n\r\n'), /./],
  'another protocol': [raw('SSH-2.0-x\r\n'), /./],
  'a negative length': [raw(OK, 'content-length: -5\r\n\r\nhello'), /./],
  'a length that is no number': [raw(OK, 'content-length: 1e3\r\n\r\nhello'), /./],
  'two lengths': [raw(OK, 'content-length: 5\r\ncontent-length: 6\r\n\r\nhello!'), /./],
  'a length of 300 digits': [raw(OK, `content-length: ${'9'.repeat(300)}\r\n\r\nhello`), /./],
  'a length beyond the limit': [answer(200, { 'content-length': 1e12 }), /the limit is 100000/],
  'a chunk of a size that is none': [raw(OK, 'transfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n'), /./],
  'a chunk that is larger than memory': [raw(OK, 'transfer-encoding: chunked\r\n\r\nffffffffffff\r\nhello'), /./],
  'compressed zeros': [raw(OK, 'content-encoding: gzip\r\n\r\n', gzipSync(Buffer.alloc(1e7))), /more than 100000 bytes/],
  'compressed, but not': [raw(OK, 'content-encoding: gzip\r\n\r\nhello'), /./],
  'a part that was not asked for': [answer(206, rest(0), 'x'), /the whole was asked for/],
  'no such range, where none was asked for': [answer(416, { 'content-range': 'bytes */0' }), /./],
  'no such range, and no size': [answer(416), /./],
  'silence': [() => {}, /nothing came for 0.3 s/],
  'headers that never end': [drip(OK, 'x: 1\r\n', 20), /./],
  'hints that never end': [drip('', 'HTTP/1.1 103 Early Hints\r\n\r\n', 20), /./],
  'a few bytes, then silence': [
    (response) => response.writeHead(200, { 'content-length': CONTENT.length, etag: '"1"' }).write('x'),
    /nothing came for 0.3 s/,
  ],
  'a byte now and then': [drip(`${OK}content-length: ${CONTENT.length}\r\netag: "1"\r\n\r\n`, 'x', 100), /only \d+ bytes came in 0.5 s/],
  'a byte now and then, without a length': [drip(`${OK}\r\n`, 'x', 100), /only \d+ bytes came in 0.5 s/],
  'a byte now and then, after a good beginning': [cutThen(drip(`HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 10000-${CONTENT.length - 1}/${CONTENT.length}\r\n\r\n`, 'x', 100)), /only \d+ bytes came|another part/],
  'a reset at each resumption': [cutThen(({ socket }) => socket!.resetAndDestroy()), /ECONNRESET|closed/],
  'a resumption with another part': [cutThen(answer(206, rest(5), 'x')), /another part|closed/],
  'a resumption that is too long': [cutThen(answer(206, rest(10_000), 'x'.repeat(maxBytes))), /the limit/],
  'a resumption with other content': [cutThen(answer(206, rest(10_000), 'x'.repeat(20_000))), /its sha256 is/],
  'no such range at the resumption': [cutThen(answer(416, { 'content-range': 'bytes */7' })), /has changed|closed/],
}; // prettier-ignore

const SERVED: Readonly<Record<string, Handler>> = {
  'hints, then the file': raw('HTTP/1.1 103 Early Hints\r\n\r\n', OK, 'connection: close\r\n\r\n', CONTENT),
  'the whole at the resumption': cutThen((response) => response.writeHead(200).end(CONTENT)),
};

const ALL = {
  ...SERVED,
  ...Object.fromEntries(Object.entries(REFUSED).map(([what, [handler]]) => [what, handler])),
};
let server: LocalServer;
let base = '';
let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-servers-'));
  server = await serveLocally((request, response) => {
    response.on('error', () => {});
    ALL[decodeURIComponent(request.url!.slice(1))]?.(response, request);
  });
  ({ base } = server);
});
after(async () => {
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

const get = (what: string, file: string) =>
  download({
    url: `${base}/${encodeURIComponent(what)}`,
    file,
    checksum,
    maxBytes,
    stallMs: STALL_MS,
    slowMs: SLOW_MS,
  });

describe('a server that answers', { concurrency: 16, timeout: LIMIT_MS * 3 }, () => {
  for (const [what, [, message]] of Object.entries(REFUSED)) {
    test(what, { timeout: LIMIT_MS }, async () => {
      const file = path.join(scratch, `${Object.keys(REFUSED).indexOf(what)}.pth`);
      await assert.rejects(get(what, file), (error) => {
        assert.ok(error instanceof AppError && error.code === 'DOWNLOAD_FAILED', String(error));
        assert.match(error.message, message);
        assert.match(error.message, /^[^\p{Cc}]{1,700}$/u, 'one line, nothing that a terminal obeys');
        return true;
      });
      assert.ok(!existsSync(file));
    });
  }
  for (const what of Object.keys(SERVED)) {
    test(what, { timeout: LIMIT_MS }, async () => {
      const file = path.join(scratch, `served${Object.keys(SERVED).indexOf(what)}.pth`);
      await get(what, file);
      assert.deepEqual(await readFile(file), CONTENT);
    });
  }
});

test('a kept tag that is no tag is not sent, and the file is fetched from its start', async () => {
  const [what] = Object.keys(SERVED);
  for (const tag of ['"a\nb"', '\0', '"\u2028"']) {
    const file = path.join(scratch, 'tag.pth');
    await writeFile(`${file}.part`, CONTENT.subarray(0, 1000));
    await writeFile(`${file}.part.etag`, tag);
    await get(what!, file);
    assert.deepEqual(await readFile(file), CONTENT);
    await rm(file);
  }
});
