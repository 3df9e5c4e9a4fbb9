// security.test.ts: who is refused: strangers' pages, names that point here, wrong tokens, and a server open to others without one.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from '../helpers/run-cli.ts';
import { ask, startServed, type Served } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const TOKEN = 'c0ffee-token';
const APP = 'https://app.example';

let scratch = '';
let local: Served;
let guarded: Served;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-guard-'));
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
  const model = path.join(scratch, 'small');
  await writeSmallModel(model);
  local = await startServed(model);
  guarded = await startServed(model, { host: '0.0.0.0', token: TOKEN, cors: [APP] });
});

after(async () => {
  await Promise.all([local.close(), guarded.close()]);
  await rm(scratch, { recursive: true, force: true });
});

const status = async (server: Served, route: string, headers = {}, method = 'GET') =>
  (await ask(server.base.replace('0.0.0.0', '127.0.0.1'), route, { headers, method })).status;

test('on this machine alone, the Host header has to be a name of it', async () => {
  const { port } = new URL(local.base);
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]', 'LOCALHOST']) {
    assert.equal(await status(local, '/v1/models', { host }), 200, host);
  }
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil']) {
    assert.equal(await status(local, '/v1/models', { host }), 403, `host '${host}'`);
  }
});

test('pages of strangers are refused, whatever they ask for', async () => {
  const { host } = new URL(local.base);
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: `http://${host}.evil.example` },
    { origin: `http://${host}@evil.example` },
    { origin: `http://${host}`, 'sec-fetch-site': 'cross-site' },
  ]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await ask(local.base, '/v1/classify', { headers, method });
      assert.equal(answer.status, 403, JSON.stringify([headers, method]));
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
  }
  assert.equal(await status(local, '/v1/models', { origin: `http://${host}` }), 200);
  assert.equal(await status(local, '/docs', { 'sec-fetch-site': 'none' }), 200);
});

test('pages that were named may ask', async () => {
  const base = guarded.base.replace('0.0.0.0', '127.0.0.1');
  const before = await ask(base, '/v1/classify', { method: 'OPTIONS', headers: { origin: APP, 'access-control-request-method': 'POST' } }); // prettier-ignore
  assert.equal(before.status, 204);
  assert.equal(before.headers['access-control-allow-origin'], APP);
  const answer = await ask(base, '/v1/models', {
    headers: { origin: APP, authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['access-control-allow-origin'], APP);
  assert.equal(answer.headers.vary, 'origin');
  assert.equal(await status(guarded, '/v1/models', { origin: 'https://app.example.evil' }), 403);
});

test('a wrong token, or none, gives 401; health needs none', async () => {
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
  ]) {
    // prettier-ignore
    const answer = await ask(guarded.base.replace('0.0.0.0', '127.0.0.1'), '/v1/models', { headers: { authorization } }); // prettier-ignore
    assert.equal(answer.status, 401, authorization);
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="finch"');
  }
  for (const route of ['/metrics', '/v1/nothing', '/v2/models/small', '//v1/models']) {
    assert.equal(await status(guarded, route), 401, route);
  }
  for (const route of [
    '/healthz',
    '/readyz',
    '/v2/health/live',
    '/v2/health/ready',
    '/openapi.json',
    '/docs',
  ]) {
    assert.equal(await status(guarded, route), 200, route);
  }
  assert.equal(await status(guarded, '/v1/models', { authorization: `bearer ${TOKEN}` }), 200);
  assert.ok(!guarded.log().includes(TOKEN));
});

test('paths lead nowhere but to the routes', async () => {
  for (const route of [
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/v2/models/..%2f..%2fetc%2fpasswd',
    '/v2/models/%00',
    '/v2/models/__proto__',
    '/v2/models/constructor/ready',
  ]) {
    assert.equal(await status(local, route), 404, route);
  }
  for (const [route, expected] of [
    [`/v2/models/${'x'.repeat(5000)}`, 414],
    ['/%', 400],
  ] as const) {
    const answer = await ask(local.base, route);
    assert.equal(answer.status, expected);
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/);
  }
});

test('a form whose parts cannot be told apart is a wrong request, not a failure', async () => {
  for (const parameter of ['', '; boundary=', `; boundary=${'x'.repeat(300)}`]) {
    const headers = { 'content-type': `multipart/form-data${parameter}` };
    const answer = await ask(local.base, '/v1/classify', { method: 'POST', headers, body: 'x' });
    assert.equal(answer.status, 400, parameter);
  }
  assert.doesNotMatch(local.log(), /"level":50/);
});

/** What comes back for these bytes, until the connection is closed. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(local.base).port), '127.0.0.1');
  socket.end(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('what is no HTTP is told so, and the connection is closed; an empty Host, or a second one, is none of this machine', async () => {
  const refused = await raw('hello\r\n\r\n');
  assert.match(refused, /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
  for (const [address, hosts] of [
    ['/v1/models', ['']],
    ['/v1/models', ['localhost', 'evil.example']],
    ['http://evil.example/v1/models', ['localhost']],
    ['http://localhost/v1/models', ['evil.example']],
    ['http://localhost@evil.example/v1/models', ['localhost']],
  ] as const) {
    const named = hosts.map((host) => `Host: ${host}\r\n`).join('');
    const answer = await raw(`GET ${address} HTTP/1.1\r\n${named}Connection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 403 /, `${address} of ${hosts.join(' and ')}`);
  }
  for (const [line, code] of [
    [`GET ${local.base}/v1/models`, 200],
    ['OPTIONS *', 404],
  ] as const) {
    const answer = await raw(`${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    assert.ok(answer.startsWith(`HTTP/1.1 ${code} `), `${line}: ${answer}`);
  }
});

test('open to others without a token, and other wrong flags: one line and exit code 2', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--host', '0.0.0.0'], /no token; add --token T or FINCH_TOKEN/],
    [['--host', 'example.com'], /no token/],
    [['--token', 'two words'], /--token .* visible ASCII/],
    [['--token', ''], /--token/],
    [['--port', '65536'], /--port must be/],
    [['--port', new URL(local.base).port], /another program listens there/],
    [['--cors', '*'], /--cors must be an origin/],
    [['--cors', 'https://app.example/page'], /--cors must be an origin/],
    [['--queue', '0'], /--queue must be/],
    [['--max-delay', '-1'], /--max-delay must be/],
    [['--timeout', '0'], /--timeout must be/],
    [['--model', path.join(scratch, 'small'), '--model', path.join(scratch, 'small')], /two models are called small/],
  ]; // prettier-ignore
  for (const [flags, message] of cases) {
    const { code, stdout, stderr } = await runCli('finch', ['serve', '--model', path.join(scratch, 'small'), ...flags], { env: { FINCH_TOKEN: '' } }); // prettier-ignore
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.equal(code, 2, stderr);
  }
});
