// What Python makes of finch's files: NumPy, pyarrow, and scikit-learn's classifier beside finch's on the same features.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { openNpy } from '../../src/formats/npy.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { predictions } from '../../src/evaluation/metrics.ts';
import { applyHead } from '../../src/train/head-stage.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { trainLinearHead } from '../../src/train/linear-head.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { runCli } from '../helpers/run-cli.ts';
import { sharedData } from '../helpers/shared-data.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const skipWithout = (modules: string) =>
  !hasModules(python, modules) && `needs Python with ${modules} (FINCH_PYTHON)`;

function run(code: string): string {
  const { status, stdout, stderr } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-peers-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function extract(...args: string[]): Promise<void> {
  const ended = await runCli('extract-features', args, { env: { FINCH_HOME: path.join(scratch, 'home') } });
  assert.equal(ended.code, 0, ended.stderr);
}

const book = path.join(PACKAGE_ROOT, 'examples', 'book.png');

test('numpy.load opens every file, mapped too', { skip: skipWithout('numpy') }, async () => {
  for (const [name, shape, ...args] of [
    ['vector32', '(2, 1280)'],
    ['vector16', '(2, 1280)', '--dtype', 'float16'],
    ['map32', '(2, 7, 7, 1280)', '--layer', 'conv_head', '--pool', 'none'],
    ['map16', '(2, 7, 7, 1280)', '--layer', 'conv_head', '--pool', 'none', '--dtype', 'float16'],
  ] as const) {
    const out = path.join(scratch, `${name}.npy`);
    await extract(book, book, '--out', out, ...args);
    const code = `import numpy; a = numpy.load(${JSON.stringify(out)}); b = numpy.load(${JSON.stringify(out)}, mmap_mode='r'); assert (a == b).all() and (a[0] == a[1]).all(); print(a.shape, a.dtype)`;
    assert.equal(run(code), `${shape} float${name.slice(-2)}`);
  }
});

test('pyarrow reads the parquet file', { skip: skipWithout('pyarrow.parquet, numpy') }, async () => {
  for (const dtype of ['float32', 'float16']) {
    const [npy, parquet] = [`${dtype}.npy`, `p${dtype}.parquet`].map((name) => path.join(scratch, name));
    await extract(book, book, '--out', npy!, '--dtype', dtype);
    await extract(book, book, '--out', parquet!, '--dtype', dtype);
    const code = `import numpy, pyarrow.parquet as p; t = p.read_table(${JSON.stringify(parquet)}); a = numpy.stack(t['features'].to_numpy()); assert (a == numpy.load(${JSON.stringify(npy)})).all(); print(t.column_names, t['width'][0])`;
    assert.match(run(code), /^\['row', 'file', 'class', 'sha256', 'width', 'height', 'features'\] \d+$/);
  }
});

describe('linear head on cached features', () => {
  for (const [dataset, least] of [
    ['birds', 0.97],
    ['hymenoptera_data', 0.93],
  ] as const) {
    const data = sharedData(dataset);
    test(
      `${dataset}: within 1 point of scikit-learn's`,
      { skip: data.skip || skipWithout('sklearn') },
      async (t) => {
        const stem = path.join(scratch, dataset);
        await extract(data.file, '--out', `${stem}.npy`);
        const opened = await openNpy(`${stem}.npy`);
        const numbers = opened.rowShape[0]!;
        const all = await opened.read(0, opened.count);
        await opened.close();
        const manifest = parse<Record<string, string>>(await readFile(`${stem}.csv`), { columns: true });
        const names = [...new Set(manifest.map((row) => row['class']!))].sort();
        const part = (isTrain: boolean) => {
          const chosen = manifest.flatMap((row, i) =>
            row['file']!.includes('/train/') === isTrain ? [i] : [],
          );
          const rows = new Float32Array(chosen.length * numbers);
          chosen.forEach((from, to) =>
            rows.set(all.subarray(from * numbers, (from + 1) * numbers), to * numbers),
          );
          const labels = chosen.map((i) => names.indexOf(manifest[i]!['class']!));
          return { rows, numbers, labels, targets: { classes: labels }, classes: names.length };
        };
        const [train, held] = [part(true), part(false)];
        const started = performance.now();
        const head = await trainLinearHead(await createOnnxEngine({ device: 'cpu' }), train);
        const seconds = (performance.now() - started) / 1000;
        const logits = applyHead(head, { rows: held.rows, labels: held.labels.map((label) => [label]) });
        const said = predictions({ logits, classes: held.classes });
        const ours = said.filter((name, i) => name === held.labels[i]).length / held.labels.length; // prettier-ignore
        const theirs = Number(
          run(`import numpy, csv
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
x = numpy.load(${JSON.stringify(`${stem}.npy`)}); rows = list(csv.DictReader(open(${JSON.stringify(`${stem}.csv`)})))
y = numpy.array([row['class'] for row in rows]); train = numpy.array(['/train/' in row['file'] for row in rows])
scaler = StandardScaler().fit(x[train]); model = LogisticRegression(max_iter=1000).fit(scaler.transform(x[train]), y[train])
print(model.score(scaler.transform(x[~train]), y[~train]))`),
        );
        t.diagnostic(`finch ${(100 * ours).toFixed(2)} % in ${seconds.toFixed(2)} s, scikit-learn ${(100 * theirs).toFixed(2)} %`); // prettier-ignore
        assert.ok(Math.abs(ours - theirs) <= 0.01);
        assert.ok(ours >= least);
      },
    );
  }
});
