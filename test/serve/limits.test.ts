// limits.test.ts: what is beyond a limit is refused at once and harms nobody: pictures under way, time, bytes; uploads that end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { Admission } from '../../src/serve/admission.ts';
import { Bodies } from '../../src/serve/bodies.ts';
import { draw } from '../helpers/pictures.ts';
import { post, problemOf, startServed, until, type Served } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
let picture: Buffer;
const model = () => path.join(scratch, 'small');

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-limits-'));
  process.env['FINCH_HOME'] = path.join(scratch, 'home');
  await writeSmallModel(model());
  picture = await readFile(await draw(path.join(scratch, 'a.png'), 'disc'));
});

after(() => rm(scratch, { recursive: true, force: true }));

async function withServer(flags: Parameters<typeof startServed>[1], use: (served: Served) => Promise<void>) {
  const served = await startServed(model(), flags);
  try {
    await use(served);
  } finally {
    await served.close();
  }
}

const gauge = async ({ base }: Served) =>
  Number(/^finch_pictures (\d+)$/m.exec(await (await fetch(`${base}/metrics`)).text())?.[1]);

test('more pictures than --queue: 503 with Retry-After; the one that was taken is answered', () =>
  withServer({ queue: '1', maxDelay: '10000', batchSize: '2' }, async (served) => {
    const first = post(served.base, '/v1/classify', picture);
    await until(async () => (await gauge(served)) === 1);
    const second = await post(served.base, '/v1/classify', picture);
    assert.equal(second.headers.get('retry-after'), '1');
    assert.deepEqual(await problemOf(second), [503, 'QUEUE_FULL']);
    const form = new FormData();
    for (const name of ['a', 'b']) form.append('file', new Blob([picture]), name);
    const many = await fetch(`${served.base}/v1/classify`, { method: 'POST', body: form });
    assert.deepEqual(await problemOf(many), [400, 'USAGE']);
    assert.equal((await first).status, 200);
    assert.equal(await gauge(served), 0);
  }));

test('no answer within --timeout: 503, and the place is free again', () =>
  withServer({ queue: '1', timeout: '0.1', maxDelay: '10000' }, async (served) => {
    const late = await post(served.base, '/v1/classify', picture);
    assert.equal(late.headers.get('retry-after'), '1');
    assert.deepEqual(await problemOf(late), [503, 'TIMEOUT']);
    await until(async () => (await gauge(served)) === 0);
  }));

test('a body beyond --max-body: 413, announced or not, in a form too', () =>
  withServer({ maxBody: '0.01' }, async ({ base }) => {
    const large = new Uint8Array(20_000);
    assert.deepEqual(await problemOf(await post(base, '/v1/classify', large)), [413, 'BODY_TOO_LARGE']);
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 4; i++) controller.enqueue(new Uint8Array(5000));
        controller.close();
      },
    });
    const chunked = await fetch(`${base}/v1/classify`, { method: 'POST', body: stream, duplex: 'half' }); // prettier-ignore
    assert.deepEqual(await problemOf(chunked), [413, 'BODY_TOO_LARGE']);
    const form = new FormData();
    form.append('file', new Blob([large]), 'large.png');
    const formed = await fetch(`${base}/v1/classify`, { method: 'POST', body: form });
    assert.equal(formed.status, 413);
    assert.equal((await post(base, '/v1/classify', picture)).status, 200);
  }));

test('uploads that end in the middle leave nothing behind, and others are answered', () =>
  withServer({ queue: '4' }, async (served) => {
    const { hostname, port } = new URL(served.base);
    const headers = { 'content-length': picture.length + 1000 };
    for (let i = 0; i < 20; i++) {
      const upload = request({ hostname, port, path: '/v1/classify', method: 'POST', headers });
      upload.on('error', () => {});
      upload.write(picture);
      await once(upload, 'socket');
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      upload.destroy();
    }
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => post(served.base, '/v1/classify', picture)),
    );
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200]); // prettier-ignore
    assert.equal(await gauge(served), 0);
    assert.doesNotMatch(served.log(), /"level":50/);
  }));

test('bytes that come after their request has ended are not counted', () => {
  const admission = new Admission({ queue: 1, timeout: 1 });
  const request = { held: 0, stop: new AbortController() };
  admission.hold(request, 10);
  request.stop.abort(new Error('gone'));
  assert.throws(() => admission.hold(request, 10), /gone/);
  assert.equal(request.held, 10);
  const other = { held: 0, stop: new AbortController() };
  assert.throws(() => admission.hold(other, 2 ** 30), /too many bytes/);
});

test('a body that is larger than all may be together is too large, and not to be tried again', () =>
  assert.rejects(
    new Bodies(new Admission({ queue: 1, timeout: 1 }), 1e9).picture({
      headers: { 'content-length': '600000000' },
      isMultipart: () => false,
    } as unknown as FastifyRequest),
    { code: 'BODY_TOO_LARGE', message: /what bodies may take of the memory/ },
  ));

test('a client that goes away while it waits is not computed for', () =>
  withServer({ queue: '1', maxDelay: '10000' }, async (served) => {
    const leave = new AbortController();
    const gone = fetch(`${served.base}/v1/classify`, { method: 'POST', body: new Uint8Array(picture), signal: leave.signal }); // prettier-ignore
    gone.catch(() => {});
    await until(async () => (await gauge(served)) === 1);
    leave.abort();
    await until(async () => (await gauge(served)) === 0);
    assert.doesNotMatch(served.log(), /"level":50/);
  }));
