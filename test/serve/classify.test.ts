// classify.test.ts: the server's answers are those of the command line and of the library, to the last digit; wrong requests are
// problem documents, and nobody else's trouble.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openModel } from 'finch';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';
import { post, problemOf, startServed, type Served } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';

let scratch = '';
let served: Served;
let pictures: readonly string[] = [];
const at = (name: string) => path.join(scratch, name);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-serve-'));
  process.env['FINCH_HOME'] = at('home');
  await writeSmallModel(at('small'));
  const names = Array.from({ length: 12 }, (_, i) => at(`${i}.${i % 2 === 0 ? 'png' : 'jpg'}`));
  pictures = await Promise.all(names.map((file, i) => draw(file, i % 3 === 0 ? 'disc' : 'stripes')));
  served = await startServed(['efficientnet_lite0', `little=${at('small')}`]);
});

after(async () => {
  await served.close();
  await rm(scratch, { recursive: true, force: true });
});

/** The rows of the command line. */
async function rowsOf(inputs: readonly string[], ...flags: readonly string[]): Promise<readonly object[]> {
  const { stdout } = await runCli('classify', [...inputs, '--format', 'ndjson', ...flags]);
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as object); // prettier-ignore
}

const withoutFile = ({ file: _, ...rest }: { readonly file?: string }) => rest;

test('a picture as body: the row of classify --format ndjson, also from many clients at once', async () => {
  const files = [BOOK, ...pictures];
  const expected = (await rowsOf(files, '--topk', '4')).map(withoutFile);
  const bodies = await Promise.all(files.map((file) => readFile(file)));
  for (const round of [1, 2]) {
    const answers = await Promise.all(
      bodies.map(async (body) => (await post(served.base, '/v1/classify?topk=4', body)).json()),
    );
    assert.deepEqual(answers, expected, `round ${round}`);
  }
});

test('a form with several files: their rows in order, the broken one in its place', async () => {
  await writeFile(at('broken.jpg'), 'no picture');
  const files = [pictures[0]!, at('broken.jpg'), pictures[1]!];
  const expected = await rowsOf(files, '--model', at('small'), '--labels', 'en');
  const form = new FormData();
  for (const file of files) form.append('file', new Blob([await readFile(file)]), file);
  const response = await fetch(`${served.base}/v1/classify?model=little&labels=en`, { method: 'POST', body: form }); // prettier-ignore
  assert.equal(response.status, 200);
  // Browsers and curl send the name alone; a path that is sent is cut to it.
  const rows = expected.map((row) => ({ ...row, file: path.basename((row as { file: string }).file) }));
  assert.deepEqual(await response.json(), rows);
});

test('base64 in JSON: one, or a list with names', async () => {
  const body = (await readFile(BOOK)).toString('base64');
  const [row] = await rowsOf([BOOK]);
  const send = async (json: object) => post(served.base, '/v1/classify', JSON.stringify(json), { 'content-type': 'application/json' }); // prettier-ignore
  assert.deepEqual(await (await send({ image: body })).json(), withoutFile(row!));
  const list = await send({ images: [{ file: 'one', data: body }, { data: body }] });
  assert.deepEqual(await list.json(), [
    { ...row, file: 'one' },
    { ...row, file: '' },
  ]);
  for (const wrong of [{ image: '&&&' }, { images: [] }, { picture: body }, [], { image: 7 }]) {
    assert.deepEqual(await problemOf(await send(wrong)), [400, 'USAGE'], JSON.stringify(wrong));
  }
});

test('features: the numbers of the library', async () => {
  await using model = await openModel(at('small'));
  for (const normalize of [false, true]) {
    for await (const row of model.features(pictures[0]!, { normalize, cache: false })) {
      assert.ok('features' in row);
      const response = await post(served.base, `/v1/features?model=little&normalize=${normalize}`, await readFile(pictures[0]!)); // prettier-ignore
      assert.deepEqual(await response.json(), { shape: row.shape, features: Array.from(row.features) });
    }
  }
});

test('what is no picture is a problem document with the code of the command line', async () => {
  const cases: readonly (readonly [string, string | Uint8Array, number, string])[] = [
    ['a text', 'hello', 422, 'IMAGE_UNREADABLE'],
    ['a page', '<!doctype html><script>alert(1)</script>', 422, 'IMAGE_UNREADABLE'],
    ['a drawing', SVG, 422, 'IMAGE_UNREADABLE'],
    ['half a picture', (await readFile(pictures[1]!)).subarray(0, 900), 422, 'IMAGE_UNREADABLE'],
    ['nothing', '', 400, 'INPUT_EMPTY'],
  ];
  for (const [what, body, status, code] of cases) {
    const response = await post(served.base, '/v1/classify', body, { 'content-type': 'image/png' });
    assert.match(response.headers.get('content-type')!, /^application\/problem\+json/);
    assert.deepEqual(await problemOf(response), [status, code], what);
  }
  const large = await startServed(at('small'), { maxPixels: '100' });
  const answer = await post(large.base, '/v1/classify', await readFile(BOOK));
  assert.deepEqual(await problemOf(answer), [413, 'IMAGE_TOO_LARGE']);
  await large.close();
});

test('wrong queries, models, routes and encodings are told', async () => {
  const body = await readFile(pictures[0]!);
  const cases: readonly (readonly [string, number, string])[] = [
    ['/v1/classify?topk=0', 400, 'USAGE'],
    ['/v1/classify?topk=many', 400, 'USAGE'],
    ['/v1/classify?topk=1001', 400, 'USAGE'],
    ['/v1/classify?labels=/etc/passwd', 400, 'USAGE'],
    ['/v1/classify?colour=red', 400, 'USAGE'],
    ['/v1/classify?model=../../etc', 404, 'MODEL_NOT_FOUND'],
    ['/v1/classify?model=__proto__', 404, 'MODEL_NOT_FOUND'],
    ['/v1/search', 404, 'NOT_FOUND'],
    ['/v1/nothing', 404, 'NOT_FOUND'],
  ];
  for (const [route, status, code] of cases) {
    assert.deepEqual(await problemOf(await post(served.base, route, body)), [status, code], route);
  }
  const { detail } = (await (await post(served.base, '/v1/classify?topk=1001', body)).json()) as { detail: string }; // prettier-ignore
  assert.match(detail, /^topk must be at most 1000/);
  const packed = await post(served.base, '/v1/classify', body, { 'content-encoding': 'gzip' });
  assert.deepEqual(await problemOf(packed), [415, 'MEDIA_TYPE']);
});

test('which models there are, health, counters, and a description that names every route', async () => {
  const json = async (route: string) => (await fetch(served.base + route)).json();
  const { models } = (await json('/v1/models')) as { models: readonly object[] };
  const [lite, little] = [
    { name: 'efficientnet_lite0', state: 'ready', classes: 1000, inputSize: 224, device: 'onnx on cpu' },
    { name: 'little', state: 'ready', classes: 7, inputSize: 24, device: 'onnx on cpu' },
  ];
  assert.deepEqual(models, [lite, little]);
  assert.deepEqual(await json('/healthz'), { status: 'ok' });
  assert.deepEqual(await json('/readyz'), { status: 'ready' });
  const metrics = await (await fetch(`${served.base}/metrics`)).text();
  for (const line of [
    /^finch_pictures 0$/m,
    /^finch_model_ready\{model="little"\} 1$/m,
    /^finch_requests_total\{method="POST",route="\/v1\/classify",status="200"\} \d+$/m,
  ]) {
    // prettier-ignore
    assert.match(metrics, line);
  }
  const { openapi, paths } = (await json('/openapi.json')) as { openapi: string; paths: object };
  assert.equal(openapi, '3.1.0');
  assert.ok('/v1/classify' in paths && '/v2/models/{model}/infer' in paths);
  const page = await (await fetch(`${served.base}/docs`)).text();
  for (const route of Object.keys(paths)) assert.ok(page.includes(route), route);
  assert.doesNotMatch(page, /<script|<link|src=|href=/);
});

test('the log is a line of JSON for each request, without the query', () => {
  const lines = served.log().trim().split('\n').map((line) => JSON.parse(line) as { path?: string; status?: number }); // prettier-ignore
  assert.ok(lines.some((line) => line.path === '/v1/classify' && line.status === 200));
  assert.ok(lines.every((line) => !line.path?.includes('?')));
});
