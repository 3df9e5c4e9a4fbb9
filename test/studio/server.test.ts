// The studio over HTTP: who is refused, what a picture is and what is none, uploads that are cut, answers that say what happened.

import assert from 'node:assert/strict';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { draw } from '../helpers/pictures.ts';
import { ask, problemOf, until } from '../helpers/served.ts';
import { contents, newFolder, removed, startStudioOn, writeFiles, type Studio } from '../helpers/studio.ts';

let root = '';
let outside = '';
let studio: Studio;
let port = '';

before(async () => {
  [root, outside] = [await newFolder(), await newFolder()];
  process.env['FINCH_HOME'] = path.join(outside, 'home');
  for (const name of ['red/1.png', 'red/2.jpg', 'blue/1.png', 'loose.webp']) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await draw(path.join(root, name), 'disc', name);
  }
  await writeFiles(root, ['red/page.jpg', 'red/<b>.png']);
  await draw(path.join(outside, 'secret.png'), 'disc');
  await symlink(path.join(outside, 'secret.png'), path.join(root, 'red', 'link.png'));
  studio = await startStudioOn(root);
  port = new URL(studio.base).port;
});

after(async () => {
  await studio.close();
  await Promise.all([root, outside].map(removed));
});

const status = async (route: string, headers: Record<string, string> = {}, method = 'GET') =>
  (await ask(studio.base, route, { method, headers })).status;
const json = async <T>(answer: Response) => (await answer.json()) as T;
const jpeg = () => sharp({ create: { width: 40, height: 30, channels: 3, background: '#c00' } }).jpeg().toBuffer(); // prettier-ignore

test('without the token nothing is answered; the cookie comes by the address, once for the browser', async () => {
  const bearer = { authorization: `Bearer ${studio.token}` };
  for (const route of [
    '/',
    '/api/state',
    '/api/events',
    '/api/thumb?id=loose.webp',
    '/nothing',
    '/studio.js',
  ]) {
    assert.equal(await status(route), 403, route);
    assert.equal(await status(route, { authorization: `Bearer ${studio.token}x` }), 403, route);
    assert.equal(
      await status(`${route}${route.includes('?') ? '&' : '?'}token=${studio.token.slice(1)}`),
      403,
    );
    assert.equal(await status(route, { cookie: `finch-studio-1=${studio.token}` }), 403, route);
  }
  const refused = await ask(studio.base, '/api/state');
  assert.equal(refused.headers['content-type'], 'application/problem+json; charset=utf-8');
  assert.match(
    String(refused.headers['content-security-policy']),
    /default-src 'self'.*frame-ancestors 'none'/,
  );
  for (const address of [`/?token=${studio.token}`, studio.addressOnce.slice(studio.base.length)]) {
    const entered = await ask(studio.base, address);
    assert.equal(entered.status, 303);
    assert.equal(entered.headers.location, '/');
    const [cookie] = entered.headers['set-cookie']!;
    assert.match(cookie!, /; HttpOnly; SameSite=Strict; Path=\/$/);
    assert.equal(await status('/api/state', { cookie: `a=b; ${cookie!.split(';')[0]}` }), 200);
  }
  assert.equal(await status(studio.addressOnce.slice(studio.base.length)), 403, 'it was valid once');
  assert.equal(await status('/api/state', bearer), 200);
  assert.equal(await status(`/api/state?token=${studio.token}`), 200);
  assert.ok(!studio.log().includes(studio.token));
});

test('pages of strangers, other names of this machine, and forms are refused', async () => {
  const authorization = `Bearer ${studio.token}`;
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', 'localhost:1', `[::1]:${port}`]) {
    assert.equal(await status('/api/state', { authorization, host }), 403, host);
  }
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `https://127.0.0.1:${port}`]) {
    assert.equal(await status('/api/state', { authorization, origin }), 403, origin);
  }
  for (const site of ['cross-site', 'same-site']) {
    assert.equal(await status('/api/state', { authorization, 'sec-fetch-site': site }), 403, site);
  }
  assert.equal(await status('/api/state', { authorization, host: `LOCALHOST:${port}`, origin: `http://localhost:${port}` }), 200); // prettier-ignore
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ]) {
    const headers = { authorization, ...(type && { 'content-type': type }) };
    assert.equal(await status('/api/undo', headers, 'POST'), 403, type);
  }
  assert.equal(await status('/api/undo', { authorization, 'x-finch-studio': '1' }, 'POST'), 404);
  assert.equal(await status('/api/undo', { authorization, 'content-type': 'application/json' }, 'POST'), 404);
});

test('nothing but pictures of the folder is shown, and none of them as it is', async () => {
  for (const id of ['../secret.png', '..%2fsecret.png', '%2e%2e%2fsecret.png', 'red/link.png', '/etc/passwd', 'red', '', 'red/../loose.webp', '.finch-studio/journal.ndjson', '__proto__', 'red/1.png%00.jpg']) {
    for (const route of ['thumb', 'picture']) {
      assert.equal((await studio.ask(`/api/${route}?id=${id}`)).status, 404, id);
    }
  } // prettier-ignore
  for (const route of ['/../../package.json', '/%2e%2e/package.json', '/..%2f..%2fpackage.json', '/api/runs/..%2f..', '/api/runs/../state.json']) {
    const { status } = await ask(studio.base, route, { headers: { authorization: `Bearer ${studio.token}` } });
    assert.equal(status, 404, route);
  } // prettier-ignore
  const shown = await studio.ask('/api/thumb?id=red/1.png&side=64');
  assert.equal(shown.headers.get('content-type'), 'image/webp');
  const { format, width, height } = await sharp(Buffer.from(await shown.arrayBuffer())).metadata();
  assert.deepEqual([format, width, height], ['webp', 64, 48]);
  const again = await fetch(`${studio.base}/api/thumb?id=red/1.png&side=64`, {
    headers: { authorization: `Bearer ${studio.token}`, 'if-none-match': shown.headers.get('etag')! },
  });
  assert.equal(again.status, 304);
  // Text that is called a picture.
  assert.deepEqual(await problemOf(await studio.ask('/api/thumb?id=red/page.jpg')), [
    422,
    'IMAGE_UNREADABLE',
  ]);
  for (const side of ['0', '321', 'x']) {
    assert.deepEqual(await problemOf(await studio.ask(`/api/thumb?id=red/1.png&side=${side}`)), [
      400,
      'USAGE',
    ]);
  }
});

test('pictures are listed in parts', async () => {
  type List = { readonly total: number; readonly pictures: readonly { readonly id: string }[] };
  const list = async (query: string) => json<List>(await studio.ask(`/api/pictures?${query}`));
  const names = ['loose.webp', 'blue/1.png', 'red/1.png', 'red/2.jpg', 'red/<b>.png', 'red/page.jpg'];
  const all = await list('');
  assert.deepEqual(all.pictures.map(({ id }) => id), names); // prettier-ignore
  assert.equal(all.total, names.length);
  assert.deepEqual((await list('offset=1&limit=2')).pictures.map(({ id }) => id), names.slice(1, 3)); // prettier-ignore
  assert.deepEqual((await list('unlabelled=1')).pictures, [{ id: 'loose.webp', class: null }]);
  assert.equal((await list('class=red')).total, 4);
  assert.equal((await list('class=no')).total, 0);
  assert.deepEqual((await list('class=blue&order=suspect')).pictures, [{ id: 'blue/1.png', class: 'blue' }]);
  for (const query of ['limit=501', 'offset=-1', 'order=x', 'trash=yes']) {
    assert.deepEqual(await problemOf(await studio.ask(`/api/pictures?${query}`)), [400, 'USAGE'], query);
  }
});

test('what decodes is taken, under a name that is a picture of every system; SVG, HTML and what was cut is not', async () => {
  const bytes = await jpeg();
  const upload = (name: string, body: Uint8Array, to = '') =>
    studio.ask(
      `/api/pictures?name=${encodeURIComponent(name)}${to && `&class=${encodeURIComponent(to)}`}`,
      body,
    );
  const idOf = async (name: string, to?: string) =>
    (await json<{ id: string }>(await upload(name, bytes, to))).id;
  assert.equal(await idOf('../../up.jpg', 'new'), 'new/up.jpg');
  assert.equal(await idOf('up.jpg', 'new'), 'new/up-2.jpg');
  assert.equal(await idOf('C:\\photos\\a<b>.html'), 'a_b_.html.jpg');
  assert.equal(await idOf('.bashrc'), 'bashrc.jpg');
  assert.equal(await idOf('drawing.svg'), 'drawing.svg.jpg');
  const before = await contents(root);
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
  );
  for (const body of [
    svg,
    Buffer.from('<html><script>alert(1)</script>'),
    bytes.subarray(0, bytes.length >> 1),
  ]) {
    assert.deepEqual(await problemOf(await upload('x.jpg', body)), [422, 'IMAGE_UNREADABLE']);
  }
  assert.deepEqual(await problemOf(await upload('x.jpg', bytes, '../up')), [400, 'USAGE']);
  assert.deepEqual(await problemOf(await upload('x.jpg', bytes, '<img src=x>')), [400, 'USAGE']);
  assert.equal((await studio.ask('/api/pictures?name=x.jpg', new Uint8Array(64 * 1024 ** 2 + 1)).catch(() => ({ status: 413 }))).status, 413); // prettier-ignore
  // The connection ends in the middle of the body.
  const head = `POST /api/pictures?name=cut.jpg HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${studio.token}\r\nContent-Type: image/jpeg\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(head);
  socket.write(bytes.subarray(0, 200), () => socket.destroy());
  await until(() => studio.ask('/api/state').then(({ ok }) => ok));
  assert.deepEqual(await contents(root), before);
  assert.deepEqual(await readdir(path.join(root, '.finch-studio', 'incoming')), []);
});

test('changes are answered with what happened, told to the pages that listen, and undone one by one', async () => {
  const listening = new AbortController();
  const events = await fetch(`${studio.base}/api/events`, {
    headers: { authorization: `Bearer ${studio.token}` },
    signal: listening.signal,
  });
  let heard = '';
  void (async () => {
    for await (const chunk of events.body!) heard += Buffer.from(chunk).toString();
  })().catch(() => {}); // ended below
  type State = { readonly revision: number; readonly canUndo: string | null; readonly trash: number; readonly classes: readonly { readonly name: string }[] }; // prettier-ignore
  const state = async () => json<State>(await studio.ask('/api/state'));
  const { revision } = await state();
  const moved = await json(await studio.ask('/api/move', { ids: ['blue/1.png', 'no.png'], class: 'green' }));
  assert.deepEqual(moved, {
    moved: [{ from: 'blue/1.png', to: 'green/1.png' }],
    failed: [{ id: 'no.png', detail: 'there is no such picture any more' }],
    revision: revision + 1,
  });
  await until(() => heard.includes(`event: changed\ndata: {"revision":${revision + 1}}`));
  listening.abort();
  assert.equal((await studio.ask('/api/trash', { ids: ['loose.webp'] })).status, 200);
  assert.equal((await state()).trash, 1);
  assert.deepEqual(await problemOf(await studio.ask('/api/classes', { name: 'red' })), [409, 'EXISTS']);
  assert.deepEqual(await problemOf(await studio.ask('/api/classes/rename', { from: 'green', to: 'red' })), [
    409,
    'EXISTS',
  ]);
  assert.equal(
    (await studio.ask('/api/classes/rename', { from: 'green', to: 'red', merge: true })).status,
    200,
  );
  assert.equal((await state()).classes.some(({ name }) => name === 'green'), false); // prettier-ignore
  for (const text of ['green merged into red', '1 picture to the trash', '1 picture to green']) {
    assert.equal((await state()).canUndo, text);
    assert.equal((await json<{ undone: string }>(await studio.ask('/api/undo', {}))).undone, text);
  }
  for (const body of [{ ids: 'x', class: null }, { ids: [], class: 1 }, { ids: Array.from({ length: 10_001 }, () => 'x'), class: null }, { ids: [] }]) {
    assert.deepEqual(await problemOf(await studio.ask('/api/move', body)), [400, 'USAGE']);
  } // prettier-ignore
});

test('models and runs that are not there, and stopping nothing', async () => {
  for (const [route, body] of [
    ['/api/train', { model: '../../x' }],
    ['/api/train/resume', { run: '..' }],
    ['/api/train/stop', {}],
    ['/api/export', { run: '../..', format: 'onnx' }],
    ['/api/try?model=hf:a/b&id=red/1.png', {}],
  ] as const) {
    assert.deepEqual(await problemOf(await studio.ask(route, body)), [404, 'NOT_FOUND'], route);
  }
  assert.deepEqual(await json(await studio.ask('/api/runs')), []);
  assert.deepEqual(await problemOf(await studio.ask('/api/runs/no')), [404, 'NOT_FOUND']);
});
