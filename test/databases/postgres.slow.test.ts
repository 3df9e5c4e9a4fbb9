// postgres.slow.test.ts: rows into a real PostgreSQL with pgvector: what is there then, what a second run changes, an end in between, tables
// and users that do not fit, and whether a search finds what the exact search finds.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { workOf, type WorkOptions } from '../../src/api/work.ts';
import { loadConfig, type LoadFlags } from '../../src/config/load-features.ts';
import { loadFeatures } from '../../src/databases/load-features.ts';
import { nearestRows } from '../../src/features/nearest.ts';
import { openNpy } from '../../src/formats/npy.ts';
import type { AppError } from '../../src/util/errors.ts';
import { writeMadeUpFeatures } from '../helpers/made-up-features.ts';
import { postgresPrograms, startPostgres, type PostgresServer } from '../helpers/postgres.ts';
import { runCli } from '../helpers/run-cli.ts';

const programs = postgresPrograms();
const skip = programs === undefined && 'no PostgreSQL: pip install pgserver, and name its Python in FINCH_PGSERVER'; // prettier-ignore
const NUMBERS = 64;
const ROWS = 2000;

describe('rows into PostgreSQL', { skip }, () => {
  let scratch = '';
  let server: PostgresServer;
  let client: Client;
  const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
  const address = (database = 'postgres', user = server.user) => `postgresql://${user}@127.0.0.1:${server.port}/${database}`; // prettier-ignore
  const load = (
    name: string,
    { work = {}, password = server.password, ...flags }: LoadFlags & { readonly work?: WorkOptions; readonly password?: string } = {},
  ) => loadFeatures(loadConfig([at(name)], { into: address(), ...flags }, password === '' ? {} : { PGPASSWORD: password }), workOf(work)); // prettier-ignore
  const fails = (loading: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(loading, (error: AppError) => {
      assert.match(error.message, message);
      return error.code === code;
    });
  const asked = async (text: string, values: readonly unknown[] = []) =>
    (await client.query<Record<string, unknown>>(text, values as unknown[])).rows;
  const countOf = async (table: string) => Number((await asked(`SELECT count(*) FROM ${table}`))[0]!['count']); // prettier-ignore

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-postgres-'));
    await writeMadeUpFeatures(at('a.npy'), { rows: ROWS, numbers: NUMBERS });
    server = await startPostgres(programs!, at('server'));
    client = new Client({ host: '127.0.0.1', ...server, database: 'postgres' });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  test('every row to the last bit, and the nearest are those of the exact search', async () => {
    const into = address().replace('@', `:${encodeURIComponent(server.password)}@`);
    const { code, stdout, stderr } = await runCli('finch', ['features', 'load', at('a.npy'), '--into', into, '--create-index']); // prettier-ignore
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${ROWS} rows in postgresql://127.0.0.1:${server.port}/postgres, table finch_features\n`); // prettier-ignore
    assert.equal(stderr, 'the server makes the index\n');
    const npy = await openNpy(at('a.npy'));
    const row = await npy.read(1234, 1);
    const [stored] = await asked("SELECT class, sha256, embedding::text FROM finch_features WHERE name = 'photos/0, \"1234\".jpg'"); // prettier-ignore
    assert.deepEqual([stored!['class'], stored!['sha256']], ['group 14', null]);
    assert.deepEqual(Float32Array.from(JSON.parse(String(stored!['embedding'])) as number[]), row);
    const queries = [0, 700, 1999].map((at) => npy.read(at, 1));
    const exact = await nearestRows(npy, await Promise.all(queries), { topk: 5 });
    await npy.close();
    for (const [i, neighbours] of exact.entries()) {
      const found = await asked('SELECT name, 1 - (embedding <=> $1) AS similarity FROM finch_features ORDER BY embedding <=> $1 LIMIT 5', [JSON.stringify([...(await queries[i]!)])]); // prettier-ignore
      assert.equal(found[0]!['name'], `photos/0, "${neighbours[0]!.row}".jpg`);
      assert.ok(Math.abs(Number(found[0]!['similarity']) - 1) < 1e-6);
    }
    const [plan] = await asked(`EXPLAIN SELECT name FROM finch_features ORDER BY embedding <=> '[${row.join(',')}]' LIMIT 5`); // prettier-ignore
    assert.match(String(plan!['QUERY PLAN']) + JSON.stringify(await asked('SELECT indexname FROM pg_indexes')), /finch_features_embedding_idx/); // prettier-ignore
  });

  test('a second run touches nothing; one that was ended goes on', async () => {
    const stopping = new AbortController();
    const table = 'stopped';
    const notes: string[] = [];
    await fails(load('a.npy', { table, work: { signal: stopping.signal, onProgress: () => stopping.abort() } }), 'INTERRUPTED', /^interrupted$/); // prettier-ignore
    assert.equal(await countOf(table), 512);
    assert.deepEqual(await load('a.npy', { table, work: { onNote: (text) => notes.push(text) } }), { rows: ROWS, changed: ROWS - 512 }); // prettier-ignore
    assert.match(notes.join('\n'), /^a search is fast with an index, .*: CREATE INDEX IF NOT EXISTS "stopped_embedding_idx" ON "stopped" USING hnsw \(embedding vector_cosine_ops\);$/); // prettier-ignore
    const before = await asked(`SELECT name, xmin, ctid FROM ${table} ORDER BY name`);
    assert.deepEqual(await load('a.npy', { table }), { rows: ROWS, changed: 0 });
    assert.deepEqual(await asked(`SELECT name, xmin, ctid FROM ${table} ORDER BY name`), before);
    await asked(`UPDATE ${table} SET class = 'another' WHERE class = 'group 1'`);
    assert.deepEqual(await load('a.npy', { table }), { rows: ROWS, changed: ROWS / 20 });
  });

  test('a table remembers how its rows were made; one that was begun by others is told', async () => {
    const table = 'stopped';
    await writeMadeUpFeatures(at('other.npy'), { rows: 3, numbers: NUMBERS, seed: 5, weights: 'others' });
    await fails(load('other.npy', { table }), 'MODEL_MISMATCH', /^the rows of the table stopped were made otherwise: the model's weights; choose another --table$/); // prettier-ignore
    const notes: string[] = [];
    const work = { onNote: (text: string) => notes.push(text) };
    await asked("COMMENT ON TABLE stopped IS 'birds''s'");
    assert.deepEqual(await load('other.npy', { table, work }), { rows: 3, changed: 3 });
    assert.match(notes.join('\n'), /the table stopped does not say how its rows were made/);
  });

  test('an end while the index is made: the rows stay, and there is no index', async () => {
    const stopping = new AbortController();
    const table = 'unindexed';
    await load('a.npy', { table });
    // Rows go in, and an index waits.
    await asked('BEGIN');
    await asked(`LOCK TABLE ${table} IN SHARE UPDATE EXCLUSIVE MODE`);
    const onNote = () => setTimeout(() => stopping.abort(), 20);
    await fails(load('a.npy', { table, createIndex: true, work: { signal: stopping.signal, onNote } }), 'INTERRUPTED', /^interrupted$/); // prettier-ignore
    await asked('COMMIT');
    assert.equal(await countOf(table), ROWS);
    assert.deepEqual(await asked("SELECT 1 FROM pg_indexes WHERE indexname = 'unindexed_embedding_idx'"), []);
  });

  test('rows of more than 2,000 numbers are halfvec, and have its index', async () => {
    await writeMadeUpFeatures(at('wide.npy'), { rows: 20, numbers: 2048 });
    const wide = load('wide.npy', { table: 'wide', createIndex: true });
    const [{ version }] = (await asked("SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'")) as [{ version: string }]; // prettier-ignore
    if (/^0\.[0-6]\./.test(version))
      return fails(wide, 'DATABASE_UNAVAILABLE', /need pgvector 0\.7 or later/);
    assert.deepEqual(await wide, { rows: 20, changed: 20 });
    const [stored] = await asked("SELECT embedding::text, vector_norm(embedding::vector) AS norm FROM wide WHERE name = 'photos/0, \"7\".jpg'"); // prettier-ignore
    assert.ok(Math.abs(Number(stored!['norm']) - 1) < 1e-3);
    const notes: string[] = [];
    const work = { onNote: (text: string) => notes.push(text) };
    assert.deepEqual(await load('wide.npy', { table: 'wide', work }), { rows: 20, changed: 0 });
    assert.deepEqual(notes, []);
  });

  test('one line for passwords, tables and rights that do not fit', async () => {
    await fails(load('a.npy', { password: '' }), 'DATABASE_UNAVAILABLE', /: it wants a password: give it in PGPASSWORD/); // prettier-ignore
    await fails(load('a.npy', { password: 'wrong' }), 'DATABASE_UNAVAILABLE', /: it refused the name or password: password authentication failed/); // prettier-ignore
    await fails(load('a.npy', { into: `${address()}?sslmode=require` }), 'DATABASE_UNAVAILABLE', /: it does not speak TLS/); // prettier-ignore
    await fails(load('a.npy', { into: address('nowhere') }), 'DATABASE_UNAVAILABLE', /: database "nowhere" does not exist$/); // prettier-ignore
    await asked('CREATE TABLE foreign_table (name text)');
    await asked('CREATE TABLE narrow (name text PRIMARY KEY, class text, sha256 text, embedding vector(3))');
    await fails(load('a.npy', { table: 'foreign_table' }), 'USAGE', /^the table foreign_table has no column class, expected text; choose another --table$/); // prettier-ignore
    await fails(load('a.npy', { table: 'narrow' }), 'USAGE', /^the table narrow has embedding as vector\(3\), expected vector\(64\); choose another --table$/); // prettier-ignore
    await asked("CREATE ROLE guest LOGIN PASSWORD 'guest'");
    await asked('CREATE DATABASE bare');
    await fails(load('a.npy', { into: address('bare', 'guest'), password: 'guest' }), 'DATABASE_UNAVAILABLE', /: this user may not add pgvector to the database; ask its administrator for: CREATE EXTENSION vector$/); // prettier-ignore
  });

  test('a server that goes away', async () => {
    const onProgress = () => void asked("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'finch'"); // prettier-ignore
    await fails(load('a.npy', { table: 'lost', work: { onProgress } }), 'DATABASE_UNAVAILABLE', /the connection was lost|terminating connection/); // prettier-ignore
    assert.ok((await countOf('lost')) >= 512);
  });
});
