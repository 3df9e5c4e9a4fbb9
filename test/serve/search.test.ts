// search.test.ts: /v1/search finds what `finch search` finds, with the model that made the features.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { buildIndex } from '../../src/api/indexing/build-index.ts';
import { workOf } from '../../src/api/work.ts';
import { buildConfig } from '../../src/config/indexing.ts';
import { loadEngine } from '../../src/features/index/engine.ts';
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

const missing = await loadEngine().then(() => false, (error: unknown) => (error as Error).message); // prettier-ignore

test('an index of the same rows: the command and the server find the same', { skip: missing }, async () => {
  await buildIndex(buildConfig([at('photos.npy')], { out: at('photos.index'), connectivity: '16', expansion: '64' }), workOf({})); // prettier-ignore
  const search = async (index: string) => {
    const { stdout } = await cli.done('finch', 'search', 'query.png', '--in', index, '--topk', '3', '--format', 'json'); // prettier-ignore
    return (JSON.parse(stdout) as [{ results: (Record<string, string | number> & { similarity: number })[] }])[0].results; // prettier-ignore
  };
  const [exact, found] = [await search('photos.npy'), await search('photos.index')];
  assert.deepEqual(Object.keys(found[0]!), Object.keys(exact[0]!));
  // Pictures of a kind are so much alike that their order among each other is chance.
  for (const [i, { similarity }] of exact.entries()) {
    assert.ok(Math.abs(found[i]!.similarity - similarity) < 1e-3, `${found[i]!.similarity}, ${similarity}`);
  }
  const served = await startServed('efficientnet_lite0', { index: at('photos.index') });
  try {
    const response = await post(served.base, '/v1/search?topk=3', await readFile(at('query.png')));
    assert.deepEqual(await response.json(), { results: found });
  } finally {
    await served.close();
  }
});

test('an index that is not there is told at the start', async () => {
  await assert.rejects(startServed(at('small'), { index: at('none.npy') }), /cannot open .*none\.npy/);
});
