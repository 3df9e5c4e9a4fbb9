// fetching.test.ts: pictures by address: servers that lie, drip, redirect and send too much, and places that are not the internet.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isFetchable, shownAddress } from '../../../src/images/address.ts';
import { fetched } from '../../../src/images/fetching/fetched.ts';
import { getPicture, MAX_FETCHED_BYTES } from '../../../src/images/fetching/get-picture.ts';
import { isPublic, placesOf } from '../../../src/images/fetching/places.ts';
import { serveLocally, type LocalServer } from '../../helpers/local-server.ts';

const CONTENT = Buffer.from('a picture, as far as this file knows');

/** What was asked for with which name and password. */
const asked: string[] = [];

const ANSWERS: Readonly<Record<string, (response: ServerResponse, request: IncomingMessage) => void>> = {
  '/whole': (response) => response.end(CONTENT),
  '/gzip': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(CONTENT)),
  '/odd': (response) => response.setHeader('content-encoding', 'odd').end(CONTENT),
  '/broken-gzip': (response) => response.setHeader('content-encoding', 'gzip').end(CONTENT),
  '/bomb': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(MAX_FETCHED_BYTES + 1))), // prettier-ignore
  '/missing': (response) => response.writeHead(404).end(),
  '/part': (response) => response.writeHead(206).end(CONTENT),
  '/cut': (response) => {
    response.setHeader('content-length', 1000).write(CONTENT);
    setImmediate(() => response.destroy());
  },
  '/silent': () => {},
  '/drip': (response) => {
    const timer = setInterval(() => response.write('.'), 5);
    response.on('close', () => clearInterval(timer));
  },
  '/once': (response) => response.writeHead(302, { location: '/whole' }).end(),
  '/round': (response) => response.writeHead(302, { location: '/round' }).end(),
  '/elsewhere': (response) => response.writeHead(302, { location: 'file:///etc/hostname' }).end(),
  '/other-host': (response, { headers }) => {
    const port = headers.host!.split(':')[1];
    response.writeHead(307, { location: `http://me:secret@localhost:${port}/whole` }).end();
  },
};

let server: LocalServer;
before(async () => {
  server = await serveLocally((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? 'nobody'}`);
    (ANSWERS[request.url!] ?? ANSWERS['/missing']!)(response, request);
  });
});
after(() => server.close());

const get = (path: string, options: Partial<Parameters<typeof getPicture>[1]> = {}) =>
  getPicture(server.base + path, { allowPrivate: true, ...options });

describe('servers', () => {
  test('a body comes whole: plain, packed, behind a redirect', async () => {
    for (const path of ['/whole', '/gzip', '/once']) assert.deepEqual(await get(path), CONTENT, path);
  });

  const refused: readonly (readonly [path: string, code: string, message: RegExp])[] = [
    ['/missing', 'DOWNLOAD_FAILED', /^the server answered 404 Not Found$/],
    ['/part', 'DOWNLOAD_FAILED', /answered 206/],
    ['/odd', 'DOWNLOAD_FAILED', /packed the picture as 'odd'/],
    ['/broken-gzip', 'DOWNLOAD_FAILED', /cannot be fetched: incorrect header check/],
    ['/bomb', 'IMAGE_TOO_LARGE', /more than 67108864 bytes/],
    ['/cut', 'DOWNLOAD_FAILED', /cannot be fetched/],
    ['/round', 'DOWNLOAD_FAILED', /redirects more than 5 times/],
    ['/elsewhere', 'DOWNLOAD_FAILED', /redirects to an address without encryption/],
  ];
  for (const [path, code, message] of refused) {
    test(`${path} is refused`, () => assert.rejects(get(path), { code, message }));
  }

  test('neither silence nor a byte now and then lasts for ever', async () => {
    await assert.rejects(get('/silent', { answerMs: 50 }), {
      message: 'the server did not answer in 0.05 s',
    });
    await assert.rejects(get('/drip', { wholeMs: 100 }), {
      message: 'the picture was not there after 0.1 s',
    });
  });

  test('an interruption ends it', async () => {
    await assert.rejects(get('/silent', { signal: AbortSignal.timeout(50) }), { code: 'DOWNLOAD_FAILED' });
  });

  test('name and password go to their own server alone', async () => {
    const base = server.base.replace('//', '//me:pass@');
    asked.length = 0;
    await getPicture(`${base}/once`, { allowPrivate: true });
    await getPicture(`${base}/other-host`, { allowPrivate: true });
    const basic = `Basic ${Buffer.from('me:pass').toString('base64')}`;
    assert.deepEqual(asked, [`/once ${basic}`, `/whole ${basic}`, `/other-host ${basic}`, '/whole nobody']);
  });
});

describe('places', () => {
  test('what is not the public internet is told from what is', () => {
    const inside = [
      '127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '0.1.2.3',
      '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.0.1', '198.18.0.1', '::', '::1', 'fc00::1', 'fd12::1', 'fe80::1', 'fe80::1%eth0',
      'fec0::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::a00:1', '64:ff9b:1::1',
      '2002:7f00:1::', '2001::1', '4000::1', 'no address', '',
    ]; // prettier-ignore
    for (const address of inside) assert.ok(!isPublic(address), address);
    const outside = [
      '8.8.8.8',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1',
      '64:ff9b::808:808',
      '::ffff:8.8.8.8',
    ];
    for (const address of outside) assert.ok(isPublic(address), address);
  });

  test('a private place is refused in every spelling, and nothing is asked there', async () => {
    const { port } = new URL(server.base);
    asked.length = 0;
    for (const host of [
      '127.0.0.1',
      'localhost',
      '2130706433',
      '0x7f.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0',
    ]) {
      const refusal = { code: 'DOWNLOAD_FAILED', message: /not in the public internet; add --allow-private/ };
      await assert.rejects(
        getPicture(`http://${host}:${port}/whole`, { allowPrivate: false }),
        refusal,
        host,
      );
    }
    assert.deepEqual(asked, []);
  });

  test('places are looked up as they are', async () => {
    assert.deepEqual(await placesOf('[::1]', true), [{ address: '::1', family: 6 }]);
    await assert.rejects(getPicture('http://no-such-host.invalid/', { allowPrivate: true }), {
      code: 'DOWNLOAD_FAILED',
    });
  });
});

test('addresses are shown without user and password', () => {
  assert.equal(shownAddress('https://me:p%40ss@host/a@b.jpg?c=@d'), 'https://host/a@b.jpg?c=@d');
  assert.equal(shownAddress('https:///me:pass@host/a.jpg'), 'https://host/a.jpg');
  assert.equal(shownAddress('https://me:p/ss@host/a.jpg'), 'https://host/a.jpg');
  assert.equal(shownAddress('https://host/a.jpg'), 'https://host/a.jpg');
  assert.ok(!isFetchable('https://me:p/ss@host/a.jpg'));
  assert.ok(!isFetchable('ftp://host/a.jpg'));
});

test('references keep their order, files pass, and a failure is the picture own', async () => {
  const paths = ['/whole', '/missing', '/once'];
  async function* references() {
    for (const path of paths) yield { file: path, content: { address: server.base + path } };
    yield { file: 'a.jpg', content: { path: 'a.jpg' } };
  }
  const seen: string[] = [];
  for await (const { file, content } of fetched(references(), { allowPrivate: true, offline: false })) {
    seen.push(`${file} ${Object.keys(content).join()}`);
  }
  assert.deepEqual(seen, ['/whole bytes', '/missing error', '/once bytes', 'a.jpg path']);
});
