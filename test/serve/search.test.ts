// search.test.ts: /v1/search finds what `finch search` finds, with the model that made the features.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { draw } from '../helpers/pictures.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { post, problemOf, startServed } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const cli = cliIn(() => scratch);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-found-'));
  process.env['FINCH_HOME'] = scratch;
  await writeSmallModel(at('small'));
  await mkdir(at('photos'));
  for (let i = 0; i < 6; i++) await draw(at('photos', `${i}.png`), i % 2 === 0 ? 'disc' : 'stripes');
  await cli.done('extract-features', 'photos', '--model', at('small'), '--out', 'photos.npy');
});

after(() => rm(scratch, { recursive: true, force: true }));

test('the rows of finch search --format json; a broken picture is a problem', async () => {
  const query = await draw(at('query.png'), 'disc');
  const { stdout } = await cli.done('finch', 'search', query, '--in', 'photos.npy', '--topk', '3', '--format', 'json'); // prettier-ignore
  const [{ results }] = JSON.parse(stdout) as [{ results: object }];
  const served = await startServed('efficientnet_lite0', { index: at('photos.npy') });
  try {
    const response = await post(served.base, '/v1/search?topk=3', await readFile(query));
    assert.deepEqual(await response.json(), { results });
    const all = await Promise.all(
      Array.from({ length: 5 }, async () => (await post(served.base, '/v1/search?topk=3', await readFile(query))).json()), // prettier-ignore
    );
    for (const answer of all) assert.deepEqual(answer, { results });
    assert.deepEqual(await problemOf(await post(served.base, '/v1/search', 'hello')), [
      422,
      'IMAGE_UNREADABLE',
    ]);
  } finally {
    await served.close();
  }
});

test('an index that is not there is told at the start', async () => {
  await assert.rejects(startServed(at('small'), { index: at('none.npy') }), /cannot open .*none\.npy/);
});
