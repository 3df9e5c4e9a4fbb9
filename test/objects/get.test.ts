// Objects of a bucket, in one process: whole and in parts, over a server that fails, cuts and is slow; lists of several pages.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { joinedTo, parseBucketAddress } from '../../src/objects/address.ts';
import { getObject } from '../../src/objects/get.ts';
import { listObjects, type ListedObject } from '../../src/objects/list.ts';
import { openBytes, placeOf } from '../../src/objects/place.ts';
import { faulty, startS3, type S3Server } from '../helpers/s3-server.ts';

let server: S3Server;
const CONTENT = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));
const WHERE = 's3://photos/a/1.jpg';
const MOST = 10_000;

async function listed(bucket: string, key: string): Promise<readonly ListedObject[]> {
  const objects: ListedObject[] = [];
  for await (const object of listObjects({ bucket, key })) objects.push(object);
  return objects;
}

before(async () => {
  server = await startS3();
  Object.assign(process.env, server.env);
  server.buckets.set('photos', new Map([['a/1.jpg', CONTENT]]));
  server.buckets.set('closed', new Map());
});
after(() => server.close());
afterEach(() => {
  server.fault = () => undefined;
  server.retryAfter = undefined;
  server.requests.length = 0;
});

test('addresses', () => {
  assert.deepEqual(parseBucketAddress('s3://photos'), { bucket: 'photos', key: '' });
  assert.deepEqual(parseBucketAddress('S3://photos/a?b#c/ü.jpg'), { bucket: 'photos', key: 'a?b#c/ü.jpg' });
  assert.throws(() => parseBucketAddress('s3://key:secret@photos/a'), (error: Error) => /names no bucket/.test(error.message) && !/secret/.test(error.message)); // prettier-ignore
  assert.equal(joinedTo('s3://photos/a', 'b.csv'), 's3://photos/a/b.csv');
  assert.equal(joinedTo('s3://photos/a/', 'b.csv'), 's3://photos/a/b.csv');
});

describe('reading', () => {
  test('whole, in parts, and nothing', async () => {
    assert.ok((await getObject(WHERE, { maxBytes: MOST })).equals(CONTENT));
    const part = { offset: 100, bytes: 50 };
    assert.ok((await getObject(WHERE, { part, maxBytes: MOST })).equals(CONTENT.subarray(100, 150)));
    assert.equal((await getObject(WHERE, { part: { offset: 9, bytes: 0 }, maxBytes: MOST })).length, 0);
  });

  test('what is cut goes on where it stopped, and 500, 503 and slow answers are waited for', async () => {
    for (const kind of ['cut', 'internal', 'slowDown', 'slow'] as const) {
      let left = 2;
      server.fault = () => (left-- > 0 ? kind : undefined);
      assert.ok((await getObject(WHERE, { maxBytes: MOST })).equals(CONTENT), kind);
    }
    assert.ok(server.requests.includes('GET /photos/a/1.jpg bytes=2500-4999'), server.requests.join('\n'));
  });

  test('a server that says for how long it wants to be left alone is left alone', async () => {
    let left = 1;
    server.retryAfter = 1;
    server.fault = () => (left-- > 0 ? 'slowDown' : undefined);
    const began = performance.now();
    assert.ok((await getObject(WHERE, { maxBytes: MOST })).equals(CONTENT));
    assert.ok(performance.now() - began >= 1000);
  });

  test('another content, a missing object and one that is too large are errors', async () => {
    const [{ etag }] = (await listed('photos', 'a/')) as [ListedObject];
    assert.ok((await getObject(WHERE, { etag, maxBytes: MOST })).equals(CONTENT));
    await assert.rejects(getObject(WHERE, { etag: '"0"', maxBytes: MOST }), { code: 'INPUT_CHANGED' });
    await assert.rejects(getObject('s3://photos/no', { maxBytes: MOST }), { code: 'INPUT_NOT_FOUND' });
    await assert.rejects(getObject(WHERE, { maxBytes: 99 }), { code: 'IMAGE_TOO_LARGE' });
    await assert.rejects(getObject('s3://other/a', { maxBytes: 99 }), { code: 'DOWNLOAD_FAILED', message: /there is no bucket other at http/ }); // prettier-ignore
    await assert.rejects(getObject('s3://closed/a', { maxBytes: 99 }), { code: 'DOWNLOAD_FAILED', message: /may not read this \(403\)/ }); // prettier-ignore
  });

  test('ends with its signal', async () => {
    server.fault = () => 'internal';
    const end = new AbortController();
    const reading = getObject(WHERE, { maxBytes: MOST, signal: end.signal });
    end.abort(new Error('left'));
    await assert.rejects(reading, /left/);
  });
});

test('a list of several pages, with keys that XML cannot hold', async () => {
  const keys = ['b/1 +.jpg', 'b/<&>.jpg', 'b/\u0001.jpg', 'b/c/2.jpg', 'b/ü.jpg'];
  server.buckets.set('lists', new Map(keys.map((key) => [key, CONTENT])));
  server.pageSize = 2;
  server.fault = faulty(2, ['internal']);
  const found = await listed('lists', 'b/');
  assert.deepEqual(found.map(({ key }) => key).sort(), keys.sort());
  assert.deepEqual((await (await placeOf('s3://lists')).names('s3://lists/b')).length, 4);
});

describe('as a place of files', () => {
  test('is written once, unless it is to be replaced', async () => {
    const where = 's3://photos/out/x.bin';
    const place = await placeOf(where);
    const write = (text: string, replace: boolean) => place.write(where, (handle) => handle.writeFile(text), { replace }); // prettier-ignore
    assert.equal(await place.find(where), undefined);
    assert.equal(await write('one', false), true);
    assert.equal(await write('two', false), false);
    assert.equal(server.buckets.get('photos')!.get('out/x.bin')!.toString(), 'one');
    assert.equal(await write('two', true), true);
    const opened = await openBytes(where);
    const bytes = Buffer.alloc(2);
    await opened.read(bytes, 1);
    assert.equal(bytes.toString(), 'wo');
    await write('six', true);
    await assert.rejects(opened.read(bytes, 0), { code: 'INPUT_CHANGED' });
    await place.remove(where);
    assert.equal(await place.find(where), undefined);
  });

  test('an answer to a write that is lost is no second write', async () => {
    const where = 's3://photos/out/lost.bin';
    let left = 1;
    server.fault = ({ method }) => (method === 'PUT' && left-- > 0 ? 'cut' : undefined);
    const isNew = await (await placeOf(where)).write(where, (handle) => handle.writeFile('x'), { replace: false }); // prettier-ignore
    assert.equal(isNew, false);
    assert.equal(server.requests.filter((request) => request.startsWith('PUT')).length, 1);
  });

  test('what cannot be written leaves nothing, and says why', async () => {
    const place = await placeOf('s3://closed');
    const file = 's3://closed/x';
    await assert.rejects(place.write(file, (handle) => writeFile(handle, 'x'), { replace: true }), { code: 'WRITE_FAILED', message: /may not write into this \(403\)/ }); // prettier-ignore
    await assert.rejects(place.checkFolder({ flag: '--out', file }), { message: /may not list this/ });
  });
});
