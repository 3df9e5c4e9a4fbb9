// load-features.test.ts: addresses of databases, rows into a Qdrant of the tests, and one line for what is wrong. In one process.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as z from 'zod';
import { workOf, type WorkOptions } from '../../src/api/work.ts';
import { loadConfig, type LoadFlags } from '../../src/config/load-features.ts';
import { originText, type RowOrigin } from '../../src/api/indexing/row-origin.ts';
import { checkOrigin } from '../../src/databases/origin.ts';
import { loadFeatures } from '../../src/databases/load-features.ts';
import { DATABASE_PACKAGES, loadPackage } from '../../src/databases/packages.ts';
import { pointId } from '../../src/databases/qdrant.ts';
import { binaryHalfvec, binaryVector } from '../../src/databases/vector-bytes.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { serveLocally } from '../helpers/local-server.ts';
import { MADE_UP_SETTINGS, writeMadeUpFeatures } from '../helpers/made-up-features.ts';
import { writeMadeUpShard } from '../helpers/made-up-shards.ts';
import { startQdrant, type QdrantServer } from '../helpers/qdrant-server.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const place = (flags: LoadFlags, env: NodeJS.ProcessEnv = {}) => loadConfig(['x.npy'], flags, env).place;

test('an address of PostgreSQL: its parts, what the environment adds, and what a message may show', () => {
  assert.deepEqual(place({ into: 'postgresql://me:p%40ss@db.example:5433/photos?sslmode=require', table: 'birds.rows', createIndex: true }), {
    kind: 'postgres', host: 'db.example', port: 5433, database: 'photos', user: 'me', password: 'p@ss', tls: 'checked', table: ['birds', 'rows'],
    createIndex: true, shown: 'postgresql://db.example:5433/photos',
  });
  const env = { FINCH_DATABASE: 'postgres://', PGHOST: '/run/postgresql', PGPORT: '6000', PGDATABASE: 'd', PGUSER: 'u', PGPASSWORD: 'w', PGSSLMODE: 'no-verify' };
  assert.deepEqual(place({}, env), {
    kind: 'postgres', host: '/run/postgresql', port: 6000, database: 'd', user: 'u', password: 'w', tls: 'unchecked', table: ['finch_features'],
    createIndex: false, shown: 'postgresql:///run/postgresql:6000/d',
  });
}); // prettier-ignore

test('an address of Qdrant: the port is 6333 where none is written', () => {
  const usual = { kind: 'qdrant', https: true, host: 'q.example', prefix: '', collection: 'finch_features' };
  assert.deepEqual(place({ into: 'https://q.example' }), { ...usual, port: 6333, shown: 'https://q.example:6333' }); // prettier-ignore
  assert.deepEqual(place({ into: 'https://q.example:443/behind/', collection: 'a.b' }, { QDRANT_API_KEY: 'k' }), { ...usual, port: null, prefix: '/behind', apiKey: 'k', collection: 'a.b', shown: 'https://q.example/behind' }); // prettier-ignore
});

test('what is no address, or does not belong to it, is one line without the password', () => {
  const pg = 'postgresql://me:secret@server/photos';
  const wrong: readonly (readonly [LoadFlags, RegExp, NodeJS.ProcessEnv?])[] = [
    [{}, /^no database: give --into/],
    [{ into: 'mysql://me:secret@server' }, /it is none of these$/],
    [{ into: 'photos' }, /it is none of these$/],
    [{ into: `${pg}?options=x` }, /parameters it may have host, user and sslmode/],
    [{ into: `${pg}?sslmode=prefer` }, /sslmode must be one of disable, require/],
    [{ into: 'postgresql://me:secret%@server' }, /write %25/],
    [{ into: pg, table: 'a"; DROP TABLE b' }, /^--table must be NAME or SCHEMA\.NAME/],
    [{ into: pg, table: 'a.b.c' }, /^--table must/],
    [{ into: pg, table: 'a'.repeat(51) }, /^--table must/],
    [{ into: pg, collection: 'a' }, /^--collection belongs to Qdrant/],
    [{ into: pg }, /^PGPORT must be the number of a port/, { PGPORT: 'x' }],
    [{ into: 'http://me:secret@server' }, /QDRANT_API_KEY/],
    [{ into: 'http://server?api-key=secret' }, /it has parameters/],
    [{ into: 'http://server', collection: '../a' }, /^--collection must be letters/],
    [{ into: 'http://server', table: 'a' }, /^--table belongs to PostgreSQL/],
    [{ into: 'http://server', createIndex: true }, /^--create-index belongs to PostgreSQL/],
  ];
  for (const [flags, message, env] of wrong) {
    assert.throws(() => place(flags, env), (error: AppError) => {
      assert.deepEqual([error.code, error.message.includes('secret')], ['USAGE', false]);
      assert.match(error.message, message);
      return true;
    }); // prettier-ignore
  }
});

test('rows as bytes of pgvector, and the id of a name', () => {
  assert.equal(binaryVector(Float32Array.of(1, -2)).toString('hex'), '000200003f800000c0000000');
  assert.equal(binaryHalfvec(Float32Array.of(3e9, 4e9)).toString('hex'), '0002000038cd3a66');
  // printf a | sha256sum
  assert.equal(pointId('a'), 'ca978112-ca1b-8dca-bac2-31b39a23dc4d');
});

test('a table without rows takes those of any model; one with rows only its own', async () => {
  const origin = (weights: string): RowOrigin => ({ settings: { ...MADE_UP_SETTINGS, weights }, layer: 'pool', rowShape: [8] }); // prettier-ignore
  /** What is written on the table. */
  const written = async (comment: string | null, isEmpty: boolean) => {
    let last: string | undefined;
    const query = async (text: string, values: readonly unknown[] = []) => {
      if (text.includes('obj_description')) return { rows: [{ comment, is_own: true }], rowCount: null };
      if (text.includes('format(')) return { rows: [{ statement: values[1] }], rowCount: null };
      if (text.startsWith('SELECT 1')) return { rows: isEmpty ? [] : [{}], rowCount: null };
      last = text;
      return { rows: [], rowCount: null };
    };
    const session = { query, cancel: async () => {} };
    await checkOrigin(session, { table: '"t"', name: 't', made: origin('now'), work: workOf({}) });
    return last;
  };
  const now = originText(origin('now'));
  const before = originText(origin('before'));
  assert.equal(await written(null, true), now);
  assert.equal(await written(before, true), now);
  assert.equal(await written("somebody's", true), undefined);
  assert.equal(await written(now, false), undefined);
  await assert.rejects(written(before, false), { code: 'MODEL_MISMATCH' });
});

test('the clients have one version everywhere', async () => {
  const versions = z.record(z.string(), z.string());
  const manifest = z.object({ peerDependencies: versions, devDependencies: versions }).parse(JSON.parse(await readFile(path.join(PACKAGE_ROOT, 'package.json'), 'utf8'))); // prettier-ignore
  const page = await readFile(path.join(PACKAGE_ROOT, 'docs', 'search-at-size.md'), 'utf8');
  for (const [name, version] of Object.entries(DATABASE_PACKAGES)) {
    assert.deepEqual([manifest.devDependencies[name], manifest.peerDependencies[name]], [version, version]);
    assert.ok(page.includes(`${name}@${version}`), name);
  }
  const missing = () => Promise.reject(Object.assign(new Error('no such package'), { code: 'ERR_MODULE_NOT_FOUND' })); // prettier-ignore
  await assert.rejects(loadPackage('pg', missing), {
    code: 'DATABASE_UNAVAILABLE',
    message:
      /^this database needs pg, which is not installed\. Run: npm install --ignore-scripts pg@8\.23\.1 where/,
  });
});

describe('rows into Qdrant', () => {
  const NUMBERS = 8;
  let scratch = '';
  let server: QdrantServer;
  const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
  const load = (
    inputs: readonly string[],
    { env = {}, work = {}, ...flags }: LoadFlags & { readonly env?: NodeJS.ProcessEnv; readonly work?: WorkOptions } = {},
  ) => loadFeatures(loadConfig(inputs.map((name) => at(name)), { into: server.base, ...flags }, env), workOf(work)); // prettier-ignore
  const fails = (loading: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(loading, (error: AppError) => {
      assert.match(error.message, message);
      return error.code === code;
    });

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-load-'));
    server = await startQdrant();
    await writeMadeUpFeatures(at('a.npy'), { rows: 700, numbers: NUMBERS });
    await writeMadeUpFeatures(at('b.npy'), { rows: 30, numbers: NUMBERS, seed: 1 });
  });
  after(async () => {
    server.close();
    await rm(scratch, { recursive: true, force: true });
  });

  test('every row once, with its name, class and numbers; again changes nothing; a row that is not numbers is left out', async () => {
    const { size } = await stat(at('b.npy'));
    const file = await open(at('b.npy'), 'r+');
    await file.write(Buffer.from('0000c07f', 'hex'), 0, 4, size - 4);
    await file.close();
    const notes: string[] = [];
    const onNote = (text: string) => notes.push(text);
    const work = { onNote };
    assert.deepEqual(await load(['a.npy', 'b.npy'], { work }), { rows: 729, changed: undefined });
    assert.deepEqual(notes, ['rows with numbers that are none (NaN or infinite), which were left out: 1']);
    const { points } = server.collections.get('finch_features')!;
    const former = JSON.stringify([...points]);
    const { vector, payload } = points.get(pointId('photos/0, "43".jpg'))!;
    assert.deepEqual([points.size, vector.length, payload], [729, NUMBERS, { name: 'photos/0, "43".jpg', class: 'group 3', sha256: null }]); // prettier-ignore
    await load(['a.npy', 'b.npy']);
    assert.equal(JSON.stringify([...points]), former);
  });

  test('a folder of shards, with the hashes of the pictures', async () => {
    await mkdir(at('rows'));
    await writeSmallModel(at('model'));
    for (const index of [0, 1]) {
      const row = { file: `${index}.jpg`, className: 'cat', sha256: 'ab'.repeat(32), numbers: Float32Array.of(index, 1, 2) }; // prettier-ignore
      await writeMadeUpShard({ folder: at('rows'), model: at('model'), count: 2, index }, [[row]]);
    }
    assert.equal((await load(['rows'], { collection: 'shards' })).rows, 2);
    const { vector, payload } = server.collections.get('shards')!.points.get(pointId('1.jpg'))!;
    assert.deepEqual([vector, payload], [[1, 1, 2], { name: '1.jpg', class: 'cat', sha256: 'ab'.repeat(32) }]); // prettier-ignore
  });

  test('an end keeps what was loaded', async () => {
    const stopping = new AbortController();
    server.onPoints = () => stopping.abort();
    await fails(load(['a.npy'], { collection: 'stopped', work: { signal: stopping.signal } }), 'INTERRUPTED', /^interrupted$/); // prettier-ignore
    server.onPoints = () => {};
    const { points } = server.collections.get('stopped')!;
    assert.equal(points.size, 512);
    await load(['a.npy'], { collection: 'stopped' });
    assert.equal(points.size, 700);
  });

  test('a collection remembers how its rows were made, and an older server is told of', async () => {
    await writeMadeUpFeatures(at('model.npy'), { rows: 2, numbers: NUMBERS, weights: 'd'.repeat(64) });
    await load(['a.npy'], { collection: 'told' });
    await fails(load(['model.npy'], { collection: 'told' }), 'MODEL_MISMATCH', /^the rows of the collection told were made otherwise: the model's weights/); // prettier-ignore
    server.collections.get('told')!.points.clear();
    assert.equal((await load(['model.npy'], { collection: 'told' })).rows, 2);
    await fails(load(['a.npy'], { collection: 'told' }), 'MODEL_MISMATCH', /made otherwise/);
    server.isOld = true;
    const notes: string[] = [];
    const work = { onNote: (text: string) => notes.push(text) };
    await load(['a.npy'], { collection: 'old', work });
    assert.deepEqual(notes, []);
    await load(['a.npy'], { collection: 'old', work });
    assert.match(notes.join(), /^the collection old does not say how its rows were made/);
    server.isOld = false;
  });

  test('one line for rows, collections, keys and servers that are not as they should be', async () => {
    await writeMadeUpFeatures(at('other.npy'), { rows: 2, numbers: NUMBERS, weights: 'e'.repeat(64) });
    await writeMadeUpFeatures(at('wide.npy'), { rows: 2, numbers: NUMBERS + 1 });
    await fails(load(['a.npy', 'other.npy']), 'MODEL_MISMATCH', /other\.npy was made otherwise than .*a\.npy: the model's weights/); // prettier-ignore
    await fails(load(['wide.npy']), 'USAGE', /^the collection finch_features has vectors of 8 numbers by Cosine, expected 9/); // prettier-ignore
    server.apiKey = 'the key';
    await fails(load(['a.npy']), 'DATABASE_UNAVAILABLE', /: it wants a key: give it in QDRANT_API_KEY$/);
    await fails(load(['a.npy'], { env: { QDRANT_API_KEY: 'another' } }), 'DATABASE_UNAVAILABLE', /: it refused the key of QDRANT_API_KEY$/); // prettier-ignore
    assert.equal((await load(['a.npy'], { env: { QDRANT_API_KEY: 'the key' } })).rows, 700);
    server.apiKey = undefined;
    const web = await serveLocally((_, response) => response.writeHead(404).end('<html>'));
    await fails(
      load(['a.npy'], { into: web.base }),
      'DATABASE_UNAVAILABLE',
      /: it answered 404; is it Qdrant\?$/,
    );
    web.close();
    const blank = await serveLocally((_, response) => response.writeHead(200).end('<html>'));
    await fails(load(['a.npy'], { into: blank.base }), 'DATABASE_UNAVAILABLE', /: what it answers is not of Qdrant/); // prettier-ignore
    blank.close();
    await fails(load(['a.npy'], { into: web.base }), 'DATABASE_UNAVAILABLE', /^http:\/\/127\.0\.0\.1:\d+: no Qdrant answers there \(ECONNREFUSED\)/); // prettier-ignore
  });

  test('one line for a PostgreSQL that is none, or does not let go', async () => {
    const refusal = Buffer.from('SFATAL\0C28P01\0Mno such user\0\0');
    const header = Buffer.from([0x45, 0, 0, 0, 4 + refusal.length]);
    const rude = createServer((socket) => socket.once('data', () => socket.write(Buffer.concat([header, refusal])))); // prettier-ignore
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const address = rude.address() as { readonly port: number };
    await fails(load(['a.npy'], { into: `postgresql://me:secret@127.0.0.1:${address.port}` }), 'DATABASE_UNAVAILABLE', /: it refused the name or password: no such user$/); // prettier-ignore
    await new Promise((resolve) => rude.close(resolve));
    const other = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { readonly port: number };
    const into = `postgresql://me:secret@127.0.0.1:${port}/photos`;
    await fails(load(['a.npy'], { into }), 'DATABASE_UNAVAILABLE', /^postgresql:\/\/127\.0\.0\.1:\d+\/photos: no PostgreSQL answers there/); // prettier-ignore
    await new Promise((resolve) => other.close(resolve));
    await fails(load(['a.npy'], { into }), 'DATABASE_UNAVAILABLE', /no PostgreSQL answers there \(ECONNREFUSED\)/); // prettier-ignore
  });
});
