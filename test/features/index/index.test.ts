// index.test.ts: an index finds what the exact search finds, grows, goes on after an end, and gives one line for files that are not as they
// were written. In one process, on rows without pictures.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildIndex } from '../../../src/api/indexing/build-index.ts';
import { sampledRows } from '../../../src/api/indexing/learn-axes.ts';
import { workOf } from '../../../src/api/work.ts';
import { addConfig, buildConfig } from '../../../src/config/indexing.ts';
import { addRows } from '../../../src/features/index/add-rows.ts';
import { project, readAxes } from '../../../src/features/index/axes.ts';
import { loadEngine, type Engine } from '../../../src/features/index/engine.ts';
import { openVectors, view } from '../../../src/features/index/opened.ts';
import { readIndexRecord, type IndexRecord } from '../../../src/features/index/record.ts';
import { nearestRows } from '../../../src/features/nearest.ts';
import { NPY_HEADER_BYTES, npyHeader, openNpy } from '../../../src/formats/npy.ts';
import { startParquetThread } from '../../../src/formats/foreign-parquet.ts';
import { AppError } from '../../../src/util/errors.ts';
import { createRng } from '../../../src/util/rng.ts';
import { writeMadeUpFeatures } from '../../helpers/made-up-features.ts';

const missing = await loadEngine().then(() => false, (error: unknown) => (error as Error).message); // prettier-ignore
const NUMBERS = 32;
let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const BUILD = { connectivity: '16', expansion: '64' };
const build = (inputs: readonly string[], out: string, force = false, work = workOf({})) =>
  buildIndex(buildConfig(inputs, { ...BUILD, out, force }), work);
const add = (inputs: readonly string[], to: string) => buildIndex(addConfig(inputs, { to }), workOf({}));
const recordOf = async (folder: string) =>
  JSON.parse(await readFile(path.join(folder, 'index.json'), 'utf8')) as IndexRecord;

describe('an index', { skip: missing }, () => {
  let queries: readonly Float32Array[] = [];

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-index-'));
    await writeMadeUpFeatures(at('a.npy'), { rows: 3000, numbers: NUMBERS });
    await writeMadeUpFeatures(at('b.npy'), { rows: 700, numbers: NUMBERS, seed: 1 });
    queries = await writeMadeUpFeatures(at('q.npy'), { rows: 50, numbers: NUMBERS, seed: 2 });
    assert.deepEqual(await build([at('a.npy')], at('a.index')), { rows: 3000, added: 3000 });
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  test('finds what the exact search finds, with its names and similarities', async () => {
    const npy = await openNpy(at('a.npy'));
    const exact = await nearestRows(npy, queries, { topk: 10 });
    await npy.close();
    const index = (await openVectors(at('a.index')))!;
    const found = await index.nearest(queries, { topk: 10 });
    let hits = 0;
    for (const [i, neighbours] of exact.entries()) {
      const similarities = new Map(found[i]!.map(({ row, similarity }) => [row, similarity]));
      for (const { row, similarity } of neighbours) {
        const other = similarities.get(row);
        if (other === undefined) continue;
        hits += 1;
        assert.ok(Math.abs(other - similarity) < 1e-3, `${other} and ${similarity}`);
      }
    }
    assert.ok(hits >= 0.95 * 10 * queries.length, `${hits} of ${10 * queries.length}`);
    const names = await index.names(new Set([0, 1234, 2999]));
    assert.deepEqual(names.get(1234), { file: 'photos/0, "1234".jpg', className: 'group 14' });
    assert.deepEqual(names.get(2999)!.file, 'photos/0, "2999".jpg');
    const rows = await openNpy(at('a.npy'));
    const [[itself] = []] = await index.nearest([await rows.read(1234, 1)], { topk: 1 });
    await rows.close();
    assert.equal(itself!.row, 1234);
    assert.ok(itself!.similarity > 0.99999, `${itself!.similarity}`);
    const zeros = await index.nearest([new Float32Array(NUMBERS)], { topk: 3 });
    assert.deepEqual(zeros[0]!.map(({ similarity }) => similarity), [0, 0, 0]); // prettier-ignore
    await index.close();
  });

  test('long rows are looked at along the directions in which they vary most, later ones too', async () => {
    const numbers = 512;
    await writeMadeUpFeatures(at('long.npy'), { rows: 1500, numbers });
    await writeMadeUpFeatures(at('longer-still.npy'), { rows: 300, numbers, seed: 1 });
    const asked = await writeMadeUpFeatures(at('long-q.npy'), { rows: 40, numbers, seed: 2 });
    await build([at('long.npy')], at('long.index'));
    assert.deepEqual(await add([at('longer-still.npy')], at('long.index')), { rows: 1800, added: 300 });
    const { axes, graphs } = await recordOf(at('long.index'));
    assert.equal(axes!.count, 256);
    assert.ok(graphs[0]!.bytes < 1800 * numbers * 2, `${graphs[0]!.bytes}`);
    const index = (await openVectors(at('long.index')))!;
    let [hits, from] = [0, 0];
    for (const [file, rows] of [
      ['long.npy', 1500],
      ['longer-still.npy', 300],
    ] as const) {
      const npy = await openNpy(at(file));
      const own = [await npy.read(0, 1), await npy.read(rows - 1, 1)];
      const itself = await index.nearest(own, { topk: 1 });
      assert.deepEqual(itself.map(([nearest]) => nearest!.row - from), [0, rows - 1]); // prettier-ignore
      for (const [nearest] of itself) assert.ok(nearest!.similarity > 0.99999, `${nearest!.similarity}`);
      from += rows;
      await npy.close();
    }
    const npy = await openNpy(at('long.npy'));
    const exact = await nearestRows(npy, asked, { topk: 10 });
    await npy.close();
    for (const [i, found] of (await index.nearest(asked, { topk: 60 })).entries()) {
      const similarities = new Map(found.map(({ row, similarity }) => [row, similarity]));
      for (const { row, similarity } of exact[i]!) {
        const other = similarities.get(row);
        if (other === undefined) continue;
        hits += 1;
        assert.ok(Math.abs(other - similarity) < 1e-4, `${other} and ${similarity}`);
      }
    }
    assert.ok(hits >= 0.95 * 400, `${hits} of 400`);
    await index.close();
  });

  test('few rows, repeated, say nothing of the directions of others', async () => {
    const numbers = 512;
    const few = await writeMadeUpFeatures(at('few.npy'), { rows: 40, numbers });
    const all = new Float32Array(1600 * numbers);
    for (let row = 0; row < 1600; row++) all.set(few[row % few.length]!, row * numbers);
    await writeMadeUpFeatures(at('repeated.npy'), { rows: 1600, numbers });
    await writeFile(at('repeated.npy'), Buffer.concat([npyHeader('float32', 1600, [numbers]), Buffer.from(all.buffer)])); // prettier-ignore
    await build([at('repeated.npy')], at('repeated.index'));
    const { axes, rows } = await recordOf(at('repeated.index'));
    assert.deepEqual([axes, rows], [undefined, 1600]);
  });

  test('a sample has of each file as many rows as the file has of all, from all of it', async () => {
    const files: { readonly file: string }[] = [];
    // The number of a row says where it was.
    const write = async (name: string, rows: number, first: number) => {
      await writeMadeUpFeatures(at(name), { rows, numbers: 2, seed: first });
      const all = Float32Array.from({ length: 2 * rows }, (_, i) => first + Math.floor(i / 2));
      await writeFile(at(name), Buffer.concat([npyHeader('float32', rows, [2]), Buffer.from(all.buffer)]));
      files.push({ file: at(name) });
    };
    await write('large.npy', 20_000, 0);
    for (let i = 0; i < 99; i++) await write(`small-${i}.npy`, 10, 100_000 + 10 * i);
    await writeMadeUpFeatures(at('other-shape.npy'), { rows: 500, numbers: 3 });
    const thread = startParquetThread();
    const sampled = async (most: number) => {
      const rows = await sampledRows({ rowShape: [2] }, most, { files: [...files, { file: at('other-shape.npy') }], thread, work: workOf({}) }); // prettier-ignore
      return rows.filter((_, i) => i % 2 === 0);
    };
    try {
      const some = await sampled(2000);
      const ofLarge = some.filter((row) => row < 20_000);
      assert.ok(some.length > 1900 && some.length <= 2000, `${some.length}`);
      // 64 of the files are looked at, or all where these had too few rows.
      assert.equal(Math.round((100 * ofLarge.length) / some.length), Math.round((100 * 20_000) / 20_630));
      for (let tenth = 0; tenth < 10; tenth++) {
        const rows = ofLarge.filter((row) => Math.floor(row / 2000) === tenth).length;
        assert.ok(Math.abs(rows - ofLarge.length / 10) < 20, `${rows} of the tenth ${tenth}`);
      }
      assert.equal(new Set(some).size, some.length);
      assert.equal(new Set(await sampled(1_000_000)).size, 20_990);
    } finally {
      await thread.close();
    }
  });

  test('with axes: rows that are no numbers, zeros, several graphs, parts that are joined', async () => {
    const numbers = 512;
    const engine = await loadEngine();
    const start = {
      ...(await readIndexRecord(at('long.index')))!,
      rows: 0,
      graphs: [],
      parts: [],
      sources: [],
    };
    const axes = await readAxes(at('long.index'), start.axes!, numbers);
    const projectRows = async (rows: Float32Array) => {
      const all = new Float32Array((rows.length / numbers) * axes.count);
      for (let at = 0; at < rows.length; at += numbers) all.set(project(axes, rows.subarray(at, at + numbers)), (at / numbers) * axes.count); // prettier-ignore
      return all;
    };
    await mkdir(at('odd.index'));
    const rows = [...(await writeMadeUpFeatures(at('odd-rows.npy'), { rows: 40, numbers, seed: 4 }))];
    rows[7] = rows[7]!.map((value, i) => (i === 3 ? NaN : value));
    rows[11] = new Float32Array(numbers);
    const { axes: _, ...fresh } = start;
    let record: IndexRecord = fresh;
    for (const [i, row] of rows.entries()) {
      const source = { id: `${i}`.padStart(64, '0'), name: `${i}`, rows: 1 };
      async function* block() {
        yield { source, vectors: Float32Array.from(row), entries: [{ file: `${i}`, className: '' }] };
      }
      record = await addRows(record, block(), { folder: at('odd.index'), engine, axes: i === 0 ? axes : undefined, project: projectRows, onRows: () => true, replaces: false, graphRows: 515 }); // prettier-ignore
    }
    assert.ok(record.graphs.length > 1 && record.parts.length < rows.length);
    assert.equal((await readdir(at('odd.index'))).length, 2 + record.graphs.length + 3 * record.parts.length);
    const index = (await openVectors(at('odd.index')))!;
    const found = await index.nearest(rows.filter((_, i) => i !== 7), { topk: 40 }); // prettier-ignore
    assert.ok(found.every((neighbours) => neighbours.every(({ row }) => row !== 7)));
    assert.deepEqual(found.flatMap(([nearest], i) => (i === 10 ? [] : [nearest!.row])), rows.flatMap((_, i) => (i === 7 || i === 11 ? [] : [i]))); // prettier-ignore
    assert.ok(found[10]!.every(({ similarity }) => similarity === 0));
    assert.equal((await index.names(new Set([39]))).get(39)!.file, '39');
    await index.close();
  });

  test('more rows are asked for than there are', async () => {
    const index = (await openVectors(at('long.index')))!;
    const [all] = await index.nearest(queries.slice(0, 1).map(() => new Float32Array(512).fill(1)), { topk: 10_000 }); // prettier-ignore
    // A row that no other has kept as its neighbour is not found: nearly all are.
    assert.equal(new Set(all!.map(({ row }) => row)).size, all!.length);
    assert.ok(all!.length > 1780 && all!.length <= 1800, `${all!.length}`);
    await index.close();
  });

  test('axes and vectors that are missing, cut, changed or false are one line', async () => {
    const { axes, parts } = await recordOf(at('long.index'));
    const vectors = parts[0]!.vectors!;
    const changed = async (folder: string, change: Partial<IndexRecord>) =>
      writeFile(path.join(folder, 'index.json'), JSON.stringify({ ...(await recordOf(folder)), ...change }));
    for (const [change, pattern] of [
      [
        (folder: string) => rm(path.join(folder, axes!.file)),
        /axes-\w+\.bin is not there; build the index again/,
      ],
      [
        (folder: string) => truncate(path.join(folder, axes!.file), 100),
        /has 100 bytes, expected 524288; build/,
      ],
      [
        (folder: string) => writeFile(path.join(folder, axes!.file), Buffer.alloc(4 * 256 * 512)),
        /has other bytes than those that were written/,
      ],
      [(folder: string) => truncate(path.join(folder, vectors), 64), /has 64 bytes, expected 1536000; build/],
      [
        (folder: string) => changed(folder, { axes: { ...axes!, count: 2 ** 20 } }),
        /has axes that do not belong to its rows; build/,
      ],
      [
        (folder: string) => changed(folder, { axes: undefined }),
        /has axes that do not belong to its rows; build/,
      ],
    ] as const) {
      await rm(at('axes.index'), { recursive: true, force: true });
      await cp(at('long.index'), at('axes.index'), { recursive: true });
      await change(at('axes.index'));
      await assert.rejects(openVectors(at('axes.index')), (error) => error instanceof AppError && pattern.test(error.message), String(pattern)); // prettier-ignore
    }
    await rm(at('axes.index', axes!.file), { force: true });
    await writeFile(at('axes.index', 'index.json'), await readFile(at('long.index', 'index.json')));
    await assert.rejects(
      add([at('long.npy')], at('axes.index')),
      /axes-\w+\.bin is not there; build the index again/,
    );
  });

  test('what a kill has left before there was a record is no hindrance', async () => {
    await mkdir(at('killed.index'));
    await writeFile(at('killed.index', 'axes-0123456789abcdef.bin'), 'cut');
    assert.deepEqual(await build([at('b.npy')], at('killed.index')), { rows: 700, added: 700 });
    assert.equal((await readdir(at('killed.index'))).length, 4);
  });

  test('an index of the former layout is one line', async () => {
    await cp(at('a.index'), at('old.index'), { recursive: true });
    await writeFile(at('old.index', 'index.json'), JSON.stringify({ ...(await recordOf(at('a.index'))), finchIndex: 1 })); // prettier-ignore
    await assert.rejects(openVectors(at('old.index')), /is not as this finch \(index version 2\) writes it.*build the index again/); // prettier-ignore
    const files = await readdir(at('old.index'));
    // Files of the first rows are there when the second file fails.
    await assert.rejects(build([at('b.npy'), at('none.npy')], at('old.index'), true), /cannot open/);
    assert.deepEqual(await readdir(at('old.index')), files);
    assert.deepEqual(await build([at('b.npy')], at('old.index'), true), { rows: 700, added: 700 });
  });

  test('grows: what is in it already is left out, and no former file stays', async () => {
    await cp(at('a.index'), at('grown.index'), { recursive: true });
    await writeFile(at('grown.index', 'graph-0123456789abcdef.usearch'), 'of a process that was ended');
    assert.deepEqual(await add([at('a.npy'), at('b.npy')], at('grown.index')), { rows: 3700, added: 700 });
    assert.deepEqual(await add([at('b.npy')], at('grown.index')), { rows: 3700, added: 0 });
    const record = await recordOf(at('grown.index'));
    assert.deepEqual([record.graphs.length, record.parts.length, record.sources.length], [1, 2, 2]);
    assert.equal((await readdir(at('grown.index'))).length, 6);
    const index = (await openVectors(at('grown.index')))!;
    const npy = await openNpy(at('b.npy'));
    const [neighbours] = await index.nearest([await npy.read(699, 1)], { topk: 1 });
    await npy.close();
    assert.equal(neighbours![0]!.row, 3699);
    assert.equal((await index.names(new Set([3699]))).get(3699)!.file, 'photos/1, "699".jpg');
    await index.close();
  });

  test('has a graph for so many rows, and finds the nearest of all graphs', async () => {
    const { settings, layer, rowShape } = await recordOf(at('a.index'));
    const empty = { settings, layer, rowShape, connectivity: 16, expansion: 64, rows: 0, graphs: [], parts: [], sources: [] }; // prettier-ignore
    const id = 'a'.repeat(64);
    const npy = await openNpy(at('a.npy'));
    async function* blocks() {
      for (let row = 0; row < 3000; row += 500) {
        const entries = Array.from({ length: 500 }, (_, i) => ({ file: `${row + i}`, className: '' }));
        yield { source: { id, name: 'a', rows: 3000 }, vectors: await npy.read(row, 500), entries };
      }
    }
    await mkdir(at('parts.index'));
    const grown = await addRows(empty, blocks(), { folder: at('parts.index'), engine: await loadEngine(), onRows: () => true, replaces: false, graphRows: 1200 }); // prettier-ignore
    assert.deepEqual(grown.graphs.map(({ rows }) => rows), [1000, 1000, 1000]); // prettier-ignore
    const index = (await openVectors(at('parts.index')))!;
    const exact = await nearestRows(npy, queries, { topk: 5 });
    const found = await index.nearest(queries, { topk: 5 });
    const first = found.filter((rows, i) => rows[0]!.row === exact[i]![0]!.row);
    assert.ok(first.length >= 45, `${first.length} of 50`);
    for (const [nearest] of found) {
      const { row } = nearest!;
      assert.equal((await index.names(new Set([row]))).get(row)!.file, `${row}`);
    }
    await Promise.all([index.close(), npy.close()]);
  });

  test('an interruption keeps what was taken, and adding goes on there', async () => {
    const abort = new AbortController();
    const work = workOf({ signal: abort.signal, onProgress: ({ done }) => done >= 1024 && abort.abort() });
    await assert.rejects(build([at('a.npy')], at('cut.index'), false, work), /interrupted/);
    assert.equal((await recordOf(at('cut.index'))).rows, 1024);
    assert.deepEqual(await add([at('a.npy')], at('cut.index')), { rows: 3000, added: 1976 });
    const index = (await openVectors(at('cut.index')))!;
    assert.equal((await index.names(new Set([2048]))).get(2048)!.file, 'photos/0, "2048".jpg');
    await index.close();
  });

  test('a graph that was removed is one line, and no file of somebody else is closed', async () => {
    const engine = await loadEngine();
    const graph = engine.graph(8, { connectivity: 16, expansion: 128 });
    // Number 0 is the standard input, or this file where that has been closed.
    const held = openSync(at('a.index/index.json'), 'r');
    try {
      const former = fstatSync(0).ino;
      for (let i = 0; i < 3; i++) assert.throws(() => view(graph, at('removed.usearch')), { code: 'FILE_INVALID', message: /removed\.usearch: is not there; build/ }); // prettier-ignore
      assert.equal(fstatSync(0).ino, former);
    } finally {
      closeSync(held);
    }
  });

  test('can be opened while rows are added; one that is open stays as it was', async () => {
    await cp(at('a.index'), at('busy.index'), { recursive: true });
    const before = (await openVectors(at('busy.index')))!;
    const expected = await before.nearest(queries, { topk: 3 });
    const engine = await loadEngine();
    let record = (await readIndexRecord(at('busy.index')))!;
    const state = { isAdding: true };
    const adding = (async () => {
      for (let i = 0; i < 20; i++) {
        const source = { id: `${i}`.padStart(64, '0'), name: `${i}`, rows: 1 };
        async function* block() {
          yield { source, vectors: Float32Array.from(queries[i]!), entries: [{ file: `${i}, "new"`, className: '' }] }; // prettier-ignore
        }
        record = await addRows(record, block(), { folder: at('busy.index'), engine, onRows: () => true, replaces: false, graphRows: 10_000 }); // prettier-ignore
      }
    })().finally(() => (state.isAdding = false));
    while (state.isAdding) await (await openVectors(at('busy.index')))!.close();
    await adding;
    assert.deepEqual(await before.nearest(queries, { topk: 3 }), expected);
    assert.equal((await before.names(new Set([2999]))).get(2999)!.file, 'photos/0, "2999".jpg');
    await before.close();
    // Those of the first 16 files were joined.
    assert.deepEqual(record.parts.map(({ rows }) => rows), [3016, 1, 1, 1, 1]); // prettier-ignore
    assert.equal((await readdir(at('busy.index'))).length, 2 + 2 * record.parts.length);
    const after = (await openVectors(at('busy.index')))!;
    const names = await after.names(new Set([0, 2999, 3000, 3014, 3015, 3016, 3019]));
    assert.deepEqual(
      [...names.values()].map(({ file }) => file),
      ['photos/0, "0".jpg', 'photos/0, "2999".jpg', '0, "new"', '14, "new"', '15, "new"', '16, "new"', '19, "new"'], // prettier-ignore
    );
    const found = await after.nearest(queries.slice(0, 20), { topk: 1 });
    assert.deepEqual(found.map(([nearest]) => nearest!.row), Array.from({ length: 20 }, (_, i) => 3000 + i)); // prettier-ignore
    await after.close();
  });

  test('is replaced when the new one is whole, and stays as it was where that fails', async () => {
    await cp(at('a.index'), at('forced.index'), { recursive: true });
    const former = await recordOf(at('forced.index'));
    const files = await readdir(at('forced.index'));
    await writeMadeUpFeatures(at('odd.npy'), { rows: 5, numbers: 2 * NUMBERS });
    const abort = new AbortController();
    const work = workOf({ signal: abort.signal, onProgress: ({ done }) => done >= 512 && abort.abort() });
    for (const [failing, pattern] of [
      [() => build([at('b.npy'), at('odd.npy')], at('forced.index'), true), /the shape of a row/],
      [() => build([at('b.npy'), at('none.npy')], at('forced.index'), true), /cannot open/],
      [() => build([at('b.npy')], at('forced.index'), true, work), /interrupted/],
    ] as const) {
      await assert.rejects(failing, pattern);
      assert.deepEqual(await recordOf(at('forced.index')), former);
      assert.deepEqual(await readdir(at('forced.index')), files);
    }
    assert.deepEqual(await build([at('b.npy')], at('forced.index'), true), { rows: 700, added: 700 });
    assert.equal((await readdir(at('forced.index'))).length, files.length);
  });

  test('rows before the memory ran out are kept', async () => {
    const engine = await loadEngine();
    let calls = 0;
    /** Has room for two blocks. */
    const scarce: Engine = {
      graph(...settings) {
        const graph = engine.graph(...settings);
        const add = graph.add.bind(graph);
        graph.add = (...rows) => {
          if (++calls === 3) throw new TypeError('Failed to reserve memory');
          add(...rows);
        };
        return graph;
      },
    };
    const { settings, layer, rowShape } = (await readIndexRecord(at('a.index')))!;
    const empty = { settings, layer, rowShape, connectivity: 16, expansion: 64, rows: 0, graphs: [], parts: [], sources: [] }; // prettier-ignore
    async function* blocks() {
      for (const query of queries) {
        yield { source: { id: 'a'.repeat(64), name: 'a', rows: 50 }, vectors: Float32Array.from(query), entries: [{ file: 'x', className: '' }] }; // prettier-ignore
      }
    }
    await mkdir(at('scarce.index'));
    await assert.rejects(
      addRows(empty, blocks(), { folder: at('scarce.index'), engine: scarce, onRows: () => true, replaces: false }), // prettier-ignore
      (error) => error instanceof AppError && error.code === 'OUT_OF_MEMORY' && /cannot take more than 2 rows .*: Failed to reserve/.test(error.message), // prettier-ignore
    );
    const { rows, sources } = (await readIndexRecord(at('scarce.index')))!;
    assert.deepEqual([rows, sources[0]!.taken], [2, 2]);
    await (await openVectors(at('scarce.index')))!.close();
  });

  test('what cannot be built or grown is one line, and leaves what was there', async () => {
    await writeMadeUpFeatures(at('other.npy'), { rows: 5, numbers: NUMBERS, weights: 'e'.repeat(64) });
    await writeMadeUpFeatures(at('longer.npy'), { rows: 5, numbers: 2 * NUMBERS });
    await copyFile(at('a.npy'), at('lonely.npy'));
    for (const name of ['nameless', 'wide'])
      await writeMadeUpFeatures(at(`${name}.npy`), { rows: 1, numbers: 2 });
    await rm(at('nameless.csv'));
    await writeFile(at('wide.npy'), npyHeader('float32', 1, [2 ** 20 + 1]));
    await truncate(at('wide.npy'), NPY_HEADER_BYTES + 4 * (2 ** 20 + 1));
    await writeMadeUpFeatures(at('changed.npy'), { rows: 2, numbers: NUMBERS, seed: 3 });
    await cp(at('a.index'), at('changed.index'), { recursive: true });
    await add([at('changed.npy')], at('changed.index'));
    await writeMadeUpFeatures(at('changed.npy'), { rows: 3, numbers: NUMBERS, seed: 3 });
    await mkdir(at('site'));
    await writeFile(at('site', 'index.json'), '{"title":"mine"}');
    await cp(at('a.index'), at('damaged.index'), { recursive: true });
    await truncate(at('damaged.index', 'index.json'), 100);
    await build([at('a.npy')], at('damaged.index'), true);
    const before = await readFile(at('a.index', 'index.json'), 'utf8');
    for (const [action, pattern] of [
      [() => build([at('a.npy')], at('a.index')), /is there already; go on with finch index add/],
      [() => build([at('a.npy')], scratch), /is a folder with other things in it/],
      [
        () => build([at('a.npy')], at('site'), true),
        /has an index\.json that does not begin as finch writes it/,
      ],
      [() => build([at('none.npy')], at('new.index')), /cannot open .*none\.npy/],
      [() => build([at('lonely.npy')], at('new.index')), /lonely\.npy has no record of how it was made/],
      [() => build([at('a.index')], at('new.index')), /has no shards of features/],
      [() => build([at('nameless.npy')], at('new.index')), /nameless\.csv: is not there; .* make both again/],
      [() => build([at('wide.npy')], at('new.index')), /has rows of 1048577 numbers, expected 1 to 1048576/],
      [() => add([at('changed.npy')], at('changed.index')), /has changed since its rows were taken/],
      [() => build([at('none.npy')], at('a.index'), true), /cannot open/],
      [() => add([at('other.npy')], at('a.index')), /made otherwise .*: the model's weights/],
      [() => add([at('longer.npy')], at('a.index')), /the shape of a row \(\[32\] before, \[64\] now\)/],
      [() => add([at('a.npy')], at('none.index')), /is not there; make one/],
    ] as const) {
      await assert.rejects(action, (error) => error instanceof AppError && pattern.test(error.message));
    }
    assert.equal(await readFile(at('a.index', 'index.json'), 'utf8'), before);
    assert.ok(!(await readdir(scratch)).some((name) => /new\.index|none\.index|lock/.test(name)));
    await (await openVectors(at('a.index')))!.close();
  });

  test('damaged files are one line', async () => {
    const { graphs, parts } = await recordOf(at('a.index'));
    const [graph, csv, starts] = [graphs[0]!.file, parts[0]!.names, parts[0]!.starts];
    const damaged = async (change: (folder: string) => Promise<void>) => {
      await rm(at('bad.index'), { recursive: true, force: true });
      await cp(at('a.index'), at('bad.index'), { recursive: true });
      await change(at('bad.index'));
      const index = (await openVectors(at('bad.index')))!;
      await index.names(new Set([0, 1, 2999])).finally(() => index.close());
    };
    for (const [change, pattern] of [
      [(folder: string) => truncate(path.join(folder, graph), 1000), /has 1000 bytes, expected/],
      [(folder: string) => rm(path.join(folder, graph)), /is not there; build the index again/],
      [(folder: string) => truncate(path.join(folder, csv), 100), /has 100 bytes, expected/],
      [(folder: string) => rm(path.join(folder, starts)), /is not there/],
      [(folder: string) => writeFile(path.join(folder, starts), Buffer.alloc(8 * 3000, 255)), /has no line for row 0/],
      [(folder: string) => writeFile(path.join(folder, 'index.json'), '{}'), /is not as this finch .* writes it/],
      [async (folder: string) => {
        const record = await recordOf(folder);
        await writeFile(path.join(folder, 'index.json'), JSON.stringify({ ...record, rows: 5 }));
      }, /has parts that are not of 5 rows/],
      [async (folder: string) => {
        const record = await readFile(path.join(folder, 'index.json'), 'utf8');
        await writeFile(path.join(folder, 'index.json'), record.replace(graph, '../../elsewhere'));
      }, /graphs\.0\.file/],
    ] as const) await assert.rejects(damaged(change), (error) => error instanceof AppError && pattern.test(error.message), String(pattern)); // prettier-ignore
  });

  test('a graph that somebody changed and sealed anew is refused, or is one that can be searched', async () => {
    const record = await recordOf(at('a.index'));
    const { file, vectors } = record.graphs[0]!;
    const bytes = await readFile(at('a.index', file));
    const start = 8 + vectors * NUMBERS * 2;
    const rng = createRng(7);
    await cp(at('a.index'), at('false.index'), { recursive: true });
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      const changed = Buffer.from(bytes);
      // The heads first, then anywhere in the graph.
      const place = i < 20 ? start + rng.integer(110) : start + rng.integer(bytes.length - start - 4);
      changed.writeUInt32LE(rng.integer(2 ** 32), Math.min(place, bytes.length - 4));
      const sha256 = createHash('sha256').update(changed.subarray(start)).digest('hex');
      await writeFile(at('false.index', file), changed);
      await writeFile(at('false.index', 'index.json'), JSON.stringify({ ...record, graphs: [{ ...record.graphs[0]!, sha256 }] })); // prettier-ignore
      try {
        const index = (await openVectors(at('false.index')))!;
        await index.nearest(queries.slice(0, 5), { topk: 20 }).finally(() => index.close());
      } catch (error) {
        assert.ok(error instanceof AppError, String(error));
        refused += 1;
      }
    }
    assert.ok(refused >= 20, `${refused} of 60`);
  });
});
