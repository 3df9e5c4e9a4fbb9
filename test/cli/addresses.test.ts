// addresses.test.ts: `classify https://…` and `extract-features https://…` as a user meets them, with a server on this machine.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { serveLocally, type LocalServer } from '../helpers/local-server.ts';
import { draw } from '../helpers/pictures.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
let server: LocalServer;
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const { run } = cliIn(() => scratch);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-addresses-'));
  await writeSmallModel(at('small'));
  const picture = await readFile(await draw(at('a.png'), 'disc'));
  server = await serveLocally((request, response) => {
    // The type that a server says is no reason to believe it.
    if (request.url === '/a.png') response.setHeader('content-type', 'text/html').end(picture);
    else if (request.url === '/page') response.setHeader('content-type', 'image/png').end('<html></html>');
    else response.writeHead(404).end();
  });
});
after(async () => {
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

const rowsOf = (stdout: string) =>
  stdout.trim().split('\n').map((line) => JSON.parse(line) as { file: string; predictions?: unknown; error?: { code: string; message: string } }); // prettier-ignore

test('a picture by address is answered like the file; others are rows that say why', async () => {
  const { base } = server;
  const addresses = [`${base.replace('//', '//me:secret@')}/a.png`, `${base}/page`, `${base}/none`];
  await writeFile(at('list.txt'), addresses.join('\n'));
  const { code, stdout, stderr } = await run('classify', 'a.png', '@list.txt', '--model', 'small', '--format', 'ndjson', '--allow-private'); // prettier-ignore
  assert.equal(code, 1);
  assert.doesNotMatch(stdout + stderr, /secret/);
  const [file, fetched, page, none] = rowsOf(stdout);
  assert.equal(fetched!.file, `${base}/a.png`);
  assert.deepEqual(fetched!.predictions, file!.predictions);
  assert.equal(page!.error!.code, 'IMAGE_UNREADABLE');
  assert.deepEqual(none!.error, { code: 'DOWNLOAD_FAILED', message: 'the server answered 404 Not Found' });
});

test('this machine and its network are asked only with --allow-private', async () => {
  const { code, stdout } = await run(
    'classify',
    `${server.base}/a.png`,
    '--model',
    'small',
    '--format',
    'ndjson',
  );
  assert.equal(code, 1);
  assert.match(
    rowsOf(stdout)[0]!.error!.message,
    /^127\.0\.0\.1 is not in the public internet; add --allow-private/,
  );
});

test('features of an address are those of the file', async () => {
  const { code, stderr } = await run('extract-features', 'a.png', `${server.base}/a.png`, '--model', 'small', '--allow-private'); // prettier-ignore
  assert.equal(code, 0, stderr);
  const [, file, fetched] = (await readFile(at('features.csv'), 'utf8'))
    .split('\n')
    .map((row) => row.split(','));
  assert.deepEqual(fetched!.slice(3), file!.slice(3));
});

test('--offline and an address are wrong together; a file of that name is no address', async () => {
  const { code, stderr } = await run(
    'classify',
    'https://me:secret@host/a.png',
    '--model',
    'small',
    '--offline',
  );
  assert.equal(code, 2);
  assert.match(stderr, /^error: https:\/\/host\/a\.png would be fetched, which --offline forbids/);
  await mkdir(at('https:', 'host'), { recursive: true });
  await draw(at('https:', 'host', 'a.png'), 'disc');
  const there = await run('classify', 'https://host/a.png', '--model', 'small', '--offline');
  assert.equal(there.code, 0, there.stderr);
});

test('a command that takes files alone says so', async () => {
  await run('extract-features', 'a.png', '--model', 'small', '--out', 'one.npy');
  const { stdout } = await run('finch', 'search', `${server.base}/a.png`, '--in', 'one.npy');
  assert.match(stdout, /addresses are not fetched here; download the picture/);
});
