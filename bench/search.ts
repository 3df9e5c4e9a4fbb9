// search.ts: finding among many rows by an index, beside FAISS: how long building takes, how much is found of what the exact search finds, and how
// long a query takes. Rows are made up from real ones. FINCH_BENCH_ROWS says how many (a million: 16 GB of memory and of disk), FINCH_BENCH_FEATURES
// a features.npy of real pictures, FINCH_FAISS a Python with faiss-cpu and numpy.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildIndex } from '../src/api/indexing/build-index.ts';
import { findRecord } from '../src/api/searched.ts';
import { workOf } from '../src/api/work.ts';
import { buildConfig } from '../src/config/indexing.ts';
import { openVectors } from '../src/features/index/opened.ts';
import { nearestRows } from '../src/features/nearest.ts';
import { featurePaths } from '../src/features/paths.ts';
import { openFeatureWriter } from '../src/features/writer.ts';
import { openNpy } from '../src/formats/npy.ts';
import { createRng } from '../src/util/rng.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { photos, type Bench } from './context.ts';
import { median, output, type Row } from './measure.ts';

const PEER = path.join(PACKAGE_ROOT, 'bench', 'peer', 'faiss_peer.py');
const [QUERIES, TOPK, AT_ONCE] = [200, 10, 1000];

export const search: Bench = async ({ scratch }) => {
  const rows = Number(process.env['FINCH_BENCH_ROWS'] ?? 20_000);
  const real = process.env['FINCH_BENCH_FEATURES'] ?? (await realFeatures(scratch));
  const [made, queries] = [path.join(scratch, 'made.npy'), path.join(scratch, 'queries.npy')];
  await makeUp(real, made, rows, 'rows');
  await makeUp(real, queries, QUERIES, 'queries');
  const folder = path.join(scratch, 'made.index');
  const started = performance.now();
  await buildIndex(buildConfig([made], { out: folder, connectivity: '16', expansion: '128' }), workOf({}));
  const building = (performance.now() - started) / 1000;

  const asked = await openNpy(queries);
  const numbers = asked.rowShape[0]!;
  const all = await asked.read(0, QUERIES);
  await asked.close();
  const vectors = Array.from({ length: QUERIES }, (_, i) => all.subarray(i * numbers, (i + 1) * numbers));
  const npy = await openNpy(made);
  const exact = await nearestRows(npy, vectors, { topk: TOPK });
  await npy.close();
  const truth = exact.map((neighbours) => neighbours.map(({ row }) => row));

  const index = (await openVectors(folder))!;
  let found = 0;
  const times: number[] = [];
  for (const [i, vector] of vectors.entries()) {
    const before = performance.now();
    const [neighbours] = await index.nearest([vector], { topk: TOPK });
    await index.names(new Set(neighbours!.map(({ row }) => row)));
    times.push(performance.now() - before);
    found += neighbours!.filter(({ row }) => truth[i]!.includes(row)).length;
  }
  await index.close();
  const recall = found / (TOPK * QUERIES);

  const peer = await faiss({ made, queries, truth: path.join(scratch, 'truth.json'), exact: truth, recall });
  const peerName = peer?.name ?? 'no peer: FINCH_FAISS names a Python with faiss-cpu and numpy';
  const row = (measure: string, unit: string, finch: number, theirs: number | undefined): Row =>
    ({ measure: `${measure}, ${rows} rows`, unit, finch, peer: theirs ?? null, ratio: theirs === undefined ? null : finch / theirs, peerName }); // prettier-ignore
  return [
    row('index: build', 's', building, peer?.building),
    row(`index: recall@${TOPK}`, 'share', recall, peer?.recall),
    row('index: a query', 'ms, median', median(times), peer?.query),
  ];
};

/** Of the photos beside this checkout, or of the example. */
async function realFeatures(scratch: string): Promise<string> {
  const out = path.join(scratch, 'real.npy');
  output(process.execPath, [path.join(PACKAGE_ROOT, 'bin', 'extract-features.js'), await photos(scratch, 200), '--out', out]); // prettier-ignore
  return out;
}

/** Between two real rows at random, with noise of a quarter of each number's own spread. */
async function makeUp(real: string, out: string, count: number, name: string): Promise<void> {
  const npy = await openNpy(real);
  const numbers = npy.rowShape[0]!;
  const rows = await npy.read(0, npy.count);
  await npy.close();
  const { record } = (await findRecord(real))!;
  const noise = spreads(rows, numbers).map((spread) => spread / 4);
  const rng = createRng(0).fork(name);
  // Some millions of draws, of which each row takes a part: a billion would take longer than what is measured.
  const normals = Float32Array.from({ length: 2 ** 22 }, () => rng.normal());
  const files = [{ ...record.files[0]!, file: path.basename(out) }];
  await mkdir(path.dirname(out), { recursive: true });
  const writer = await openFeatureWriter(featurePaths(out, [''], 'npy'), { ...record, files, complete: false, rows: 0, failed: 0, manifestBytes: 0, errorsBytes: 0 }, 'float32'); // prettier-ignore
  for (let row = 0; row < count; row++) {
    const [a, b] = [numbers * rng.integer(npy.count), numbers * rng.integer(npy.count)];
    const [share, from] = [rng.uniform(), rng.integer(normals.length - numbers)];
    const vector = new Float32Array(numbers);
    for (let i = 0; i < numbers; i++) {
      vector[i] = rows[a + i]! + share * (rows[b + i]! - rows[a + i]!) + noise[i]! * normals[from + i]!;
    }
    writer.add({ file: `${row}.jpg`, className: '', sha256: '', width: 1, height: 1, rows: [vector] });
    if (row % AT_ONCE === AT_ONCE - 1) await writer.flush();
  }
  await writer.flush();
  await writer.checkpoint({ complete: true });
  await writer.close();
}

/** The standard deviation of each number. */
function spreads(rows: Float32Array, numbers: number): Float32Array {
  const count = rows.length / numbers;
  return Float32Array.from({ length: numbers }, (_, i) => {
    let [sum, squares] = [0, 0];
    for (let at = i; at < rows.length; at += numbers) {
      sum += rows[at]!;
      squares += rows[at]! ** 2;
    }
    return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  });
}

interface Asked {
  readonly made: string;
  readonly queries: string;
  readonly truth: string;
  readonly exact: readonly (readonly number[])[];
  readonly recall: number;
}

/** FAISS's HNSW of the same connectivity, at the smallest effort that finds as much. */
async function faiss({ made, queries, truth, exact, recall }: Asked) {
  const python = process.env['FINCH_FAISS'];
  if (python === undefined) return undefined;
  await writeFile(truth, JSON.stringify(exact));
  const printed = output(python, [PEER, made, queries, truth, String(recall)]);
  await rm(truth);
  return JSON.parse(printed) as { name: string; building: number; recall: number; query: number };
}
