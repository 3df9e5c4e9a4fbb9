// stop.test.ts: `finch serve` as a process: its first line is the address, and SIGTERM ends it once all is answered.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { draw } from '../helpers/pictures.ts';
import { startCli } from '../helpers/run-cli.ts';
import { post, until } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (name: string) => path.join(scratch, name);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-stop-'));
  await writeSmallModel(at('small'));
});

after(() => rm(scratch, { recursive: true, force: true }));

async function started(...flags: readonly string[]): Promise<{ child: ChildProcess; base: string }> {
  const child = startCli('finch', ['serve', '--model', at('small'), '--port', '0', ...flags], { env: { FINCH_HOME: at('home') } }); // prettier-ignore
  child.stderr!.resume();
  const [base] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  assert.match(base, /^http:\/\/127\.0\.0\.1:\d+$/);
  return { child, base };
}

test('SIGTERM: a request that is being received is answered, new ones are not, and the exit code is 0', async () => {
  const picture = await readFile(await draw(at('a.png'), 'disc'));
  const { child, base } = await started();
  const expected = await (await post(base, '/v1/classify', picture)).json();
  const { hostname, port } = new URL(base);
  const upload = request({ hostname, port, path: '/v1/classify', method: 'POST', headers: { 'content-length': picture.length } }); // prettier-ignore
  upload.write(picture.subarray(0, 100));
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
  // Its headers are there once a later request has been answered.
  await fetch(`${base}/healthz`);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await until(() => fetch(`${base}/healthz`).then(({ status }) => status !== 200, () => true)); // prettier-ignore
  upload.end(picture.subarray(100));
  const [response] = await answered;
  assert.equal(response.statusCode, 200);
  assert.deepEqual(JSON.parse(await text(response)), expected);
  assert.deepEqual(await exit, [0, null]);
});

test('whoever does not finish its request is cut off after --timeout', async () => {
  const { child, base } = await started('--timeout', '0.3');
  const { hostname, port } = new URL(base);
  const upload = request({ hostname, port, path: '/v1/classify', method: 'POST', headers: { 'content-length': 9 } }); // prettier-ignore
  upload.write('a');
  const failed = once(upload, 'error');
  await fetch(`${base}/healthz`);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await failed;
  assert.deepEqual(await exit, [0, null]);
});
