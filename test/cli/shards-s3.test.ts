// Buckets as a user meets them: pictures of a bucket classified and listed, shards written into it, over a server of which one request in
// ten goes wrong; what is wrong with a bucket is one line.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, afterEach, before, describe, test } from 'node:test';
import { extractFeatures } from '../../src/api/extract.ts';
import { extractShard } from '../../src/api/sharding/extract-shard.ts';
import { joinShards } from '../../src/api/sharding/join.ts';
import { listShards } from '../../src/api/sharding/list.ts';
import { verifyShards } from '../../src/api/sharding/verify.ts';
import { workOf } from '../../src/api/work.ts';
import { refuseUnusedEndpoint } from '../../src/config/endpoint.ts';
import { extractConfig } from '../../src/config/features.ts';
import { listConfig } from '../../src/config/shards.ts';
import type { AppError } from '../../src/util/errors.ts';
import { readContent } from '../../src/images/prepare.ts';
import { imageReferences, type ImageReference } from '../../src/images/source.ts';
import { runCli } from '../helpers/run-cli.ts';
import { MANIFEST, nameOf, startS3Pictures, type S3Pictures } from '../helpers/s3-pictures.ts';
import { EXPIRED_TOKEN, faulty, SECRET_KEY } from '../helpers/s3-server.ts';
import { madeTar } from '../helpers/tar-file.ts';

let s3: S3Pictures;
const work = workOf({});
const stdin = Readable.from([]);

before(async () => {
  s3 = await startS3Pictures();
});
after(() => s3.close());
afterEach(() => {
  s3.server.fault = () => undefined;
});

test('classify takes a prefix, and one request in ten may fail', async () => {
  s3.server.fault = faulty(5, ['internal', 'cut', 'slowDown', 'slow']);
  const { code, stdout, stderr } = await runCli('classify', ['s3://photos/set', '--topk', '1', '--format', 'csv', '--model', 'small'], { env: s3.env, spawn: { cwd: s3.at() } }); // prettier-ignore
  assert.equal(code, 0, stderr);
  const files = stdout.trim().split('\n').slice(1).map((row) => row.split(',')[0]); // prettier-ignore
  assert.deepEqual(files, ['disc', 'stripes'].flatMap((kind) => [0, 1, 2, 3].map((i) => `s3://photos/set/${kind}/${i}.png`))); // prettier-ignore
  assert.match(stderr, /passed over: 1 file that is no picture \(\.txt 1\)/);
});

describe('shards', () => {
  test('from a bucket into a bucket are the rows of the same files', async () => {
    s3.server.fault = faulty(10, ['internal', 'cut', 'slowDown', 'slow']);
    const listed = await listShards(listConfig(['s3://photos/set'], { size: '4', out: MANIFEST }), stdin, work); // prettier-ignore
    assert.deepEqual(listed, { pictures: 8, shards: 2 });
    await assert.rejects(listShards(listConfig(['s3://photos/set'], { size: '4', out: MANIFEST }), stdin, work), /is there already/); // prettier-ignore
    // Two workers on one shard: one of them finds it there.
    const out = 's3://work/rows';
    const both = await Promise.all([0, 0].map((index) => extractShard(s3.shardConfig(index, out), work)));
    assert.deepEqual(
      both.map(({ failed }) => failed),
      [0, 0],
    );
    await extractShard(s3.shardConfig(1, out), work);
    assert.equal((await extractShard(s3.shardConfig(1, out), work)).wasThere, true);
    assert.deepEqual((await verifyShards(out, MANIFEST, work)).problems, []);
    assert.deepEqual([...s3.stored('work').keys()].sort(), ['m.parquet', `rows/${nameOf(0)}`, `rows/${nameOf(1)}`]); // prettier-ignore
    await joinShards({ folder: out, out: s3.at('joined.npy'), format: 'npy', force: false }, work);
    await extractFeatures(
      extractConfig([s3.at('set')], { ...s3.flags, out: s3.at('whole.npy') }),
      { stdin },
      work,
    );
    assert.ok((await readFile(s3.at('whole.npy'))).equals(await readFile(s3.at('joined.npy'))));
    assert.match(
      await readFile(s3.at('joined.csv'), 'utf8'),
      /^5,s3:\/\/photos\/set\/stripes\/1\.png,stripes,/m,
    );
  });

  test('are written once by a service that does not know conditions', async () => {
    s3.server.knowsConditions = false;
    const out = 's3://work/old';
    for (const wasThere of [false, true]) {
      assert.equal((await extractShard(s3.shardConfig(0, out), work)).wasThere, wasThere);
    }
    s3.server.knowsConditions = true;
    assert.ok(
      s3
        .stored('work')
        .get(`old/${nameOf(0)}`)!
        .equals(s3.stored('work').get(`rows/${nameOf(0)}`)!),
    );
  });

  test('an object that changed or went since is a row that says so; a server that fails is none', async () => {
    const photos = s3.stored('photos');
    const kept = new Map(photos);
    photos.set('set/disc/0.png', photos.get('set/disc/1.png')!);
    photos.delete('set/disc/2.png');
    const { failed } = await extractShard(s3.shardConfig(0, 's3://work/changed'), work);
    assert.equal(failed, 2);
    const list = s3
      .stored('work')
      .get(`changed/${nameOf(0).replace('parquet', 'errors.csv')}`)!
      .toString();
    assert.match(list, /disc\/0\.png,INPUT_CHANGED,the object was changed since it was listed.*\n.*disc\/2\.png,INPUT_NOT_FOUND,/); // prettier-ignore
    s3.server.buckets.set('photos', kept);
    s3.server.buckets.delete('photos');
    await assert.rejects(extractShard(s3.shardConfig(0, 's3://work/gone'), work), { code: 'DOWNLOAD_FAILED', message: /there is no bucket photos/ }); // prettier-ignore
    s3.server.buckets.set('photos', kept);
    assert.ok(![...s3.stored('work').keys()].some((key) => key.startsWith('gone/')));
  });
});

test('archives in a bucket: read by their parts, also from a manifest', async () => {
  const names = ['disc/0.png', 'stripes/0.png'];
  const members = names.map((name) => ({ name, content: s3.stored('photos').get(`set/${name}`)! }));
  s3.stored('photos').set('packed/set.tar', madeTar(members));
  const found: ImageReference[] = [];
  for await (const reference of imageReferences(['s3://photos/packed/set.tar'], stdin)) found.push(reference);
  assert.deepEqual(found.map(({ file, className }) => [file, className]), names.map((name) => [`s3://photos/packed/set.tar/${name}`, path.dirname(name)])); // prettier-ignore
  assert.ok((await readContent(found[1]!.content)).equals(members[1]!.content));
  const manifest = s3.at('tar.parquet');
  await listShards(listConfig(['s3://photos/packed/set.tar'], { size: '1', out: manifest }), stdin, work);
  assert.equal((await extractShard(s3.shardConfig(1, s3.at('tars'), manifest), work)).failed, 0);
});

describe('what is wrong is one line', () => {
  const problem = async (
    input: string,
    more: Readonly<Record<string, string>> = {},
    ...flags: readonly string[]
  ) => {
    const { code, stdout, stderr } = await runCli('finch', ['shards', input, '--out', s3.at('none.parquet'), ...flags], { env: { ...s3.env, ...more } }); // prettier-ignore
    assert.ok(!(stdout + stderr).includes(SECRET_KEY) && !stderr.includes(EXPIRED_TOKEN), stderr);
    return `${code} ${stderr}`;
  };

  test('credentials of a profile that have expired, with nothing of them printed; its service', async () => {
    const { env, endpoint } = s3.server;
    await writeFile(s3.at('config'), `[profile own]\nendpoint_url = ${endpoint}\nregion = eu-central-1\n`);
    await writeFile(s3.at('keys'), `[own]\naws_access_key_id = ${env['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = ${SECRET_KEY}\naws_session_token = ${EXPIRED_TOKEN}\n`); // prettier-ignore
    const none = { AWS_ENDPOINT_URL: '', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const profile = { AWS_PROFILE: 'own', AWS_CONFIG_FILE: s3.at('config'), AWS_SHARED_CREDENTIALS_FILE: s3.at('keys') }; // prettier-ignore
    assert.match(await problem('s3://photos/set', { ...none, ...profile }, '--debug'), /^3 error: s3:\/\/photos\/set: the credentials have expired; get new ones/); // prettier-ignore
  });

  test('another bucket, one that is closed, a prefix of nothing, an address that is none', async () => {
    const problemOf = async (input: string) => {
      try {
        for await (const { content } of imageReferences([input], stdin))
          if ('error' in content) throw content.error;
      } catch (error) {
        return `${(error as AppError).code} ${(error as AppError).message}`;
      }
      return '';
    };
    assert.match(await problemOf('s3://nothing'), /^DOWNLOAD_FAILED s3:\/\/nothing\/: there is no bucket nothing at http:\/\/127.*; check its name/); // prettier-ignore
    assert.match(await problemOf('s3://closed/x/'), /^DOWNLOAD_FAILED s3:\/\/closed\/x\/: the credentials may not list this \(403\); check AWS_ACCESS_KEY_ID/); // prettier-ignore
    assert.match(await problemOf('s3://photos/none'), /^INPUT_EMPTY no pictures under this prefix/);
    assert.match(await problemOf('s3:///x'), /^USAGE s3:\/\/\/x names no bucket/);
    await assert.rejects(extractShard(s3.shardConfig(0, 's3://work/x', 's3://work/none.parquet'), work), { code: 'FILE_INVALID', message: /^cannot open s3:\/\/work\/none\.parquet: no such object/ }); // prettier-ignore
    assert.throws(() => extractConfig(['x'], { ...s3.flags, out: 's3://work/x.npy' }), /buckets take shards/);
  });

  test('--endpoint where nothing can be in a bucket', async () => {
    assert.match(await problem(s3.at('set'), {}, '--endpoint', s3.server.endpoint), /^2 error: --endpoint says where buckets are, and no s3:\/\/BUCKET\/PREFIX was given/); // prettier-ignore
    for (const [words, flags] of [[['S3://b'], {}], [['-'], {}], [['@list'], {}], [['rows'], { out: 's3://b/c' }], [[], { shard: 'auto' }], [[], { resume: 'run' }]] as const) {
      assert.doesNotThrow(() => refuseUnusedEndpoint(words, flags));
    }
  }); // prettier-ignore
});
