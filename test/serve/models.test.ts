// models.test.ts: models are let go, loaded again, and replaced on disk while requests run; none of these is lost.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';
import { post, problemOf, startServed, until, type Served } from '../helpers/served.ts';
import { writePlacesModel, writeSmallModel } from '../helpers/small-model.ts';
import { WORDS_SIDE, wordsFiles } from '../helpers/words-folder.ts';

let scratch = '';
let picture: Buffer;
const at = (name: string) => path.join(scratch, name);

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-models-'));
  process.env['FINCH_HOME'] = at('home');
  await writeSmallModel(at('small'));
  await writePlacesModel(at('places'));
  picture = await readFile(await draw(at('a.png'), 'disc'));
});

after(() => rm(scratch, { recursive: true, force: true }));

const classified = async ({ base }: Served, query = '') => {
  const response = await post(base, `/v1/classify?topk=7${query}`, picture);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as object;
};

const logged = (served: Served, line: RegExp) => until(() => line.test(served.log()));

async function withServer(models: readonly string[], use: (served: Served) => Promise<void>): Promise<void> {
  const served = await startServed(models);
  try {
    await use(served);
  } finally {
    await served.close();
  }
}

test('a folder that is replaced is taken up, and no request fails or waits for it', async () => {
  await cp(at('small'), at('live'), { recursive: true });
  await withServer([`live=${at('live')}`, `other=${at('places')}`], async (served) => {
    const [former, other] = [await classified(served), await classified(served, '&model=other')];
    assert.notDeepEqual(former, other);
    const seen = new Set<string>();
    const over = new AbortController();
    const clients = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) seen.add(JSON.stringify(await classified(served)));
    });
    // As finetune and models import replace a model: the same folder, another model in it.
    await writePlacesModel(at('live'));
    await logged(served, /live is replaced/);
    const now = await classified(served);
    over.abort();
    await Promise.all(clients);
    assert.deepEqual(now, other);
    const known = new Set([former, other].map((row) => JSON.stringify(row)));
    assert.ok(
      [...seen].every((row) => known.has(row)),
      [...seen].join('\n'),
    );
  });
});

test('a folder that becomes wrong is not taken up until it is whole again', async () => {
  await cp(at('small'), at('fragile'), { recursive: true });
  await withServer([at('fragile')], async (served) => {
    const former = await classified(served);
    await writeFile(at('fragile/model.json'), '{"format":"layers-model"');
    await logged(served, /small was changed on disk and is not taken up: .*is not JSON/);
    assert.deepEqual(await classified(served), former);
    assert.equal((await fetch(`${served.base}/readyz`)).status, 200);
    // Another folder under the same name.
    await rename(at('fragile'), at('aside'));
    await cp(at('places'), at('fragile'), { recursive: true });
    await logged(served, /small is replaced/);
    assert.notDeepEqual(await classified(served), former);
  });
});

test('a model that is let go answers 503, the others go on; it is loaded again', async () => {
  await withServer([at('small'), `other=${at('places')}`], async (served) => {
    const send = (action: string, name = 'other') => post(served.base, `/v2/repository/models/${name}/${action}`, ''); // prettier-ignore
    const before = await classified(served, '&model=other');
    // What is under way is answered.
    const running = Promise.all(Array.from({ length: 8 }, () => classified(served, '&model=other')));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const [unloaded] = await Promise.all([send('unload'), running.catch(() => {})]);
    assert.equal(unloaded.status, 200);
    const refused = await post(served.base, '/v1/classify?model=other', picture);
    assert.equal(refused.headers.get('retry-after'), '5');
    assert.deepEqual(await problemOf(refused), [503, 'MODEL_UNLOADED']);
    await classified(served);
    const index = await (await post(served.base, '/v2/repository/index', '')).json();
    assert.deepEqual(index, [
      { name: 'small', version: '1', state: 'READY' },
      { name: 'other', version: '1', state: 'UNAVAILABLE' },
    ]);
    assert.equal((await fetch(`${served.base}/readyz`)).status, 200);
    assert.equal((await fetch(`${served.base}/v2/models/other/ready`)).status, 503);
    assert.equal((await send('load')).status, 200);
    assert.deepEqual(await classified(served, '&model=other'), before);
    assert.deepEqual(await problemOf(await send('load', 'nothing')), [404, 'MODEL_NOT_FOUND']);
  });
});

test('words as classes: the probabilities of classify --classes; UINT8 is taken, FP32 is not', async () => {
  for (const [file, content] of Object.entries(wordsFiles())) {
    await mkdir(path.dirname(at(`clip/${file}`)), { recursive: true });
    await writeFile(at(`clip/${file}`), content);
  }
  const classes = 'red,green,blue';
  const flags = ['--model', at('clip'), '--classes', classes, '--format', 'ndjson'];
  const { stdout } = await runCli('classify', [at('a.png'), ...flags]);
  const { file: _, ...expected } = JSON.parse(stdout) as { file: string };
  const served = await startServed(`words=${at('clip')}`, { classes });
  try {
    const response = await post(served.base, '/v1/classify', picture);
    assert.deepEqual(await response.json(), expected);
    const { inputs } = (await (await fetch(`${served.base}/v2/models/words`)).json()) as { inputs: readonly { datatype: string }[] }; // prettier-ignore
    const types = inputs.map(({ datatype }) => datatype);
    assert.deepEqual(types, ['BYTES', 'UINT8']);
    const data = Array.from({ length: WORDS_SIDE ** 2 * 3 }, () => 0);
    const numbers = { name: 'normalized', datatype: 'FP32', shape: [1, WORDS_SIDE, WORDS_SIDE, 3], data };
    const refused = await post(served.base, '/v2/models/words/infer', JSON.stringify({ inputs: [numbers] }));
    assert.deepEqual(await problemOf(refused), [422, 'MODEL_UNSUPPORTED']);
  } finally {
    await served.close();
  }
});

test('several models as one answer as on the command line', async () => {
  const both = `${at('small')},${at('places')}`;
  const flags = ['--model', both, '--topk', '7', '--format', 'ndjson'];
  const { stdout } = await runCli('classify', [at('a.png'), ...flags]);
  const { file: _, ...expected } = JSON.parse(stdout) as { file: string };
  await withServer([`both=${both}`], async (served) => {
    assert.deepEqual(await classified(served), expected);
    const features = await post(served.base, '/v1/features', picture);
    assert.deepEqual(await problemOf(features), [400, 'USAGE']);
  });
});
