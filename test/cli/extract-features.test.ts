// `extract-features` as a user and as a script meet it: files, layers, failures, what is there already, and a run that ends early.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { openNpy } from '../../src/formats/npy.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { draw } from '../helpers/pictures.ts';
import { runCli } from '../helpers/run-cli.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const PICTURES = 40;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-extract-'));
  for (const kind of ['disc', 'stripes'] as const) {
    await mkdir(at('set', kind), { recursive: true });
    for (let i = 0; i < PICTURES / 2; i++) await draw(at('set', kind, `${i}.png`), kind, `${kind} ${i}`);
  }
  await writeFile(at('set', 'disc', '5 broken, "odd" 图.jpg'), 'no picture');
});
after(() => rm(scratch, { recursive: true, force: true }));

const env = () => ({ FINCH_HOME: at('home') });
const extract = (...args: string[]) => runCli('extract-features', args, { env: env() });
const csv = async (file: string) => parse<Record<string, string>>(await readFile(file), { columns: true });

async function values(file: string): Promise<{ shape: number[]; dtype: string; data: Float32Array }> {
  const rows = await openNpy(file);
  const data = await rows.read(0, rows.count);
  await rows.close();
  return { shape: [rows.count, ...rows.rowShape], dtype: rows.dtype, data };
}

describe('files', () => {
  test('rows, manifest and failures, in the order of the inputs', async () => {
    const { code, stdout, stderr } = await extract(at('set'), at('nothing.jpg'), '--out', at('a.npy'));
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /error: .*nothing\.jpg: no such file/);
    assert.deepEqual((await values(at('a.npy'))).shape, [PICTURES, 1280]);
    const manifest = await readFile(at('a.csv'), 'utf8');
    assert.equal(manifest.split('\n')[0], 'row,file,class,sha256,width,height');
    const rows = await csv(at('a.csv'));
    assert.deepEqual(rows.map((row) => row['row']), rows.map((_, i) => `${i}`)); // prettier-ignore
    assert.deepEqual([rows[0]!['file'], rows[0]!['class'], rows[0]!['width'], rows[0]!['height']], [at('set', 'disc', '0.png'), 'disc', '160', '120']); // prettier-ignore
    assert.match(rows[0]!['sha256']!, /^[0-9a-f]{64}$/);
    assert.equal(rows.at(-1)!['class'], 'stripes');
    const errors = await csv(at('a.errors.csv'));
    assert.deepEqual(errors.map((row) => [path.basename(row['file']!), row['code']]), [['5 broken, "odd" 图.jpg', 'IMAGE_UNREADABLE'], ['nothing.jpg', 'INPUT_NOT_FOUND']]); // prettier-ignore
  });

  test('a second run comes from the cache and is the same, without it too', async () => {
    const again = await extract(at('set'), '--out', at('b.npy'));
    assert.match(again.stderr, new RegExp(`${PICTURES} from the cache`));
    assert.doesNotMatch(again.stderr, /onnxruntime/);
    await extract(at('set'), '--out', at('c.npy'), '--no-cache', '--batch-size', '3');
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => readFile(at(`${name}.npy`))));
    assert.ok(a!.equals(b!) && b!.equals(c!), 'bytes differ');
  });

  test('--normalize, --dtype float16, --pool and several --layer', async () => {
    const one = at('set', 'disc', '0.png');
    const max = await extract(
      one,
      '--out',
      at('n.npy'),
      '--normalize',
      '--dtype',
      'float16',
      '--pool',
      'max',
    );
    assert.match(max.stderr, /pool max changes nothing: 'dropout' of efficientnet_lite0 .* without places/);
    const { dtype, data } = await values(at('n.npy'));
    assert.equal(dtype, 'float16');
    assert.ok(Math.abs(Math.hypot(...data) - 1) < 1e-3);
    const wrong = await extract(one, '--out', at('l.npy'), '--layer', 'avg_poling');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /did you mean avg_pooling/);
    const list = await extract('--list-layers');
    const names = list.stdout.split('\n').map((line) => line.split(/\s+/));
    const map = names.find(([, shape]) => shape === '[7,7,1280]')![0]!;
    assert.equal((await extract(one, '--out', at('l.npy'), '--layer', map, '--layer', 'avg_pooling', '--pool', 'none')).code, 0); // prettier-ignore
    assert.deepEqual((await values(at(`l.${map}.npy`))).shape, [1, 7, 7, 1280]);
    assert.deepEqual((await values(at('l.avg_pooling.npy'))).shape, [1, 1280]);
    assert.equal((await csv(at('l.csv'))).length, 1);
    await extract(one, '--out', at('p.npy'), '--layer', map);
    assert.deepEqual((await values(at('p.npy'))).shape, [1, 1280]);
  });

  test('every layer of the default network can be asked for', async () => {
    const { stdout } = await extract('--list-layers');
    const names = stdout.trimEnd().split('\n').map((line) => line.split(/\s+/)[0]!); // prettier-ignore
    const given = names.flatMap((name) => ['--layer', name]);
    const ended = await extract(at('set', 'disc', '0.png'), '--out', at('every.npy'), '--no-cache', ...given);
    assert.equal(ended.code, 0, ended.stderr);
    const written = (await readdir(scratch)).filter((name) => /^every\..*\.npy$/.test(name));
    assert.equal(written.length, names.length);
  });

  test('wrong usage is said before anything is written', async () => {
    for (const [args, pattern] of [
      [[], /no INPUT/],
      [[at('set'), '--out', at('x.txt')], /--out must end in \.npy/],
      [[at('set'), '--out', at('x.npy'), '--dtype', 'float64'], /--dtype must be one of float32, float16/],
      [[at('set'), '--out', at('x.npy'), '--pool', 'mean'], /--pool must be one of avg, max, none/],
      [[at('set'), '--out', at('x.npy'), '--resume', '--force'], /give one of them/],
      [[at('set'), '--out', at('a.npy')], /a\.npy is there already.*--resume.*--force/],
    ] as const) {
      const ended = await extract(...args);
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, pattern);
    }
    const nowhere = await extract(at('set'), '--out', at('no', 'folder.npy'));
    assert.equal(nowhere.code, 3);
    assert.match(nowhere.stderr, /its folder does not exist/);
    assert.ok(!(await readdir(scratch)).some((name) => name.startsWith('x.')));
  });
});

describe('a run that ends early', () => {
  const all = () => [at('set'), '--no-cache', '--batch-size', '4'];
  const names = (stem: string) => ['npy', 'csv', 'errors.csv'].map((ending) => at(`${stem}.${ending}`));
  const read = (stem: string) => Promise.all(names(stem).map((file) => readFile(file)));

  before(async () => {
    await extract(...all(), '--out', at('whole.npy'));
  });

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    test(`${signal} at odd moments and --resume: the same bytes`, async () => {
      const stem = `ended-${signal}`;
      const args = [path.join(PACKAGE_ROOT, 'bin', 'extract-features.js'), ...all(), '--out', at(`${stem}.npy`), '--resume']; // prettier-ignore
      for (const milliseconds of [250, 450, 550, 650]) {
        const child = spawn(process.execPath, args, { env: { ...process.env, ...env() }, stdio: 'ignore' });
        const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
        await sleep(milliseconds);
        child.kill(signal);
        const code = await ended;
        if (signal === 'SIGINT' && code !== null) assert.ok([130, 1].includes(code), `code ${code}`);
        const there = (await readdir(scratch)).includes(`${stem}.npy`);
        // Whatever was the last thing it did, what the header says is there.
        if (there && (await readFile(at(`${stem}.npy`))).length > 0) await values(at(`${stem}.npy`));
      }
      const last = await extract(...all(), '--out', at(`${stem}.npy`), '--resume');
      assert.equal(last.code, 1, last.stderr);
      assert.deepEqual(await read(stem), await read('whole'));
    });
  }

  test('what lies beyond the last durable row is cut off', async () => {
    for (const file of names('whole')) await copyFile(file, file.replace('whole', 'cut'));
    const record = JSON.parse(await readFile(at('whole.json'), 'utf8')) as Record<string, unknown>;
    const manifest = (await readFile(at('whole.csv'), 'utf8')).split('\n').slice(0, 4).join('\n').length + 1;
    const json = JSON.stringify({ ...record, complete: false, rows: 3, failed: 0, manifestBytes: manifest, errorsBytes: 0 }).replaceAll('whole.npy', 'cut.npy'); // prettier-ignore
    await writeFile(at('cut.json'), json);
    await appendFile(at('cut.npy'), 'torn');
    const ended = await extract(...all(), '--out', at('cut.npy'), '--resume');
    assert.match(ended.stderr, /going on after 3 pictures/);
    assert.deepEqual(await read('cut'), await read('whole'));
    const more = await extract(...all(), '--out', at('cut.npy'), '--resume');
    assert.equal(more.code, 1);
    assert.match(more.stderr, /nothing to resume/);
  });

  test('other settings and other inputs are refused, and named', async () => {
    const incomplete = async () => {
      const record = JSON.parse(await readFile(at('cut.json'), 'utf8')) as Record<string, unknown>;
      const manifest = (await readFile(at('cut.csv'), 'utf8')).split('\n').slice(0, 4).join('\n').length + 1;
      await writeFile(at('cut.json'), JSON.stringify({ ...record, complete: false, rows: 3, failed: 0, manifestBytes: manifest, errorsBytes: 0 }, undefined, 2)); // prettier-ignore
    };
    await incomplete();
    const before = await readFile(at('cut.npy'));
    for (const [args, pattern] of [
      [[...all(), '--dtype', 'float16'], /--dtype \("float32" before, "float16" now\)/],
      [[...all(), '--layer', 'avg_pooling'], /the layers/],
      [[...all(), '--crop', '1'], /the preprocessing/],
      [[...all(), '--no-exif'], /--no-exif/],
      [[...all(), '--normalize'], /--normalize/],
      [[at('set', 'disc'), '--no-cache'], /the inputs/],
    ] as const) {
      const ended = await extract(...args, '--out', at('cut.npy'), '--resume');
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, pattern);
    }
    await rename(at('set', 'disc', '1.png'), at('set', 'disc', '1.webp'));
    const renamed = await extract(...all(), '--out', at('cut.npy'), '--resume');
    await rename(at('set', 'disc', '1.webp'), at('set', 'disc', '1.png'));
    assert.equal(renamed.code, 2);
    assert.match(renamed.stderr, /picture 2 is .*1\.webp, it was .*1\.png/);
    const former = await readFile(at('set', 'disc', '1.png'));
    await draw(at('set', 'disc', '1.png'), 'stripes', 'another');
    const changed = await extract(...all(), '--out', at('cut.npy'), '--resume');
    await writeFile(at('set', 'disc', '1.png'), former);
    assert.match(changed.stderr, /the content of .*1\.png has changed/);
    assert.deepEqual(await readFile(at('cut.npy')), before);
    assert.equal((await extract(...all(), '--out', at('cut.npy'), '--force')).code, 1);
    assert.deepEqual(await read('cut'), await read('whole'));
  });

  test('a full disk says so, and --resume goes on when there is room', async (t) => {
    const small = at('small');
    await mkdir(small);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'none', small], { stdio: 'ignore' });
    } catch {
      t.skip('needs the right to mount a small file system');
      return;
    }
    try {
      const full = await extract(...all(), '--out', path.join(small, 'f.npy'));
      assert.equal(full.code, 3, full.stderr);
      assert.match(full.stderr, /the disk is full.*--resume/);
      execFileSync('mount', ['-o', 'remount,size=4m', small]);
      const ended = await extract(...all(), '--out', path.join(small, 'f.npy'), '--resume');
      assert.equal(ended.code, 1, ended.stderr);
      assert.ok((await readFile(path.join(small, 'f.npy'))).equals(await readFile(at('whole.npy'))));
    } finally {
      execFileSync('umount', [small]);
    }
  });
});

test('parquet: written from the same rows, nothing else left', async () => {
  const ended = await extract(at('set'), '--out', at('t.parquet'));
  assert.equal(ended.code, 1, ended.stderr);
  const bytes = await readFile(at('t.parquet'));
  assert.equal(bytes.subarray(0, 4).toString() + bytes.subarray(-4).toString(), 'PAR1PAR1');
  assert.deepEqual((await readdir(scratch)).filter((name) => name.startsWith('t.')).sort(), ['t.csv', 't.errors.csv', 't.json', 't.parquet']); // prettier-ignore
});
