// ended.slow.test.ts: a process that builds an index, ended by Ctrl-C, and by a disk that takes no more.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadEngine } from '../../../src/features/index/engine.ts';
import { openVectors } from '../../../src/features/index/opened.ts';
import { PACKAGE_ROOT } from '../../../src/util/package.ts';
import { float32Of, uniform } from '../../helpers/lcg.ts';
import { writeMadeUpShard } from '../../helpers/made-up-shards.ts';
import { startCli } from '../../helpers/run-cli.ts';
import { writeSmallModel } from '../../helpers/small-model.ts';

const missing = await loadEngine().then(() => false, (error: unknown) => (error as Error).message); // prettier-ignore
const skip = process.platform === 'win32' ? 'no SIGINT, no ulimit' : missing;
const [ROWS, NUMBERS] = [6000, 24];
let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);

/** Whether the names of the first rows are written. */
async function hasNames(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  const csv = names.find((name) => name.endsWith('.csv'));
  return csv !== undefined && (await stat(path.join(folder, csv))).size > 100;
}

describe('a process that builds an index', { skip }, () => {
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-index-ended-'));
    await writeSmallModel(at('small'));
    await mkdir(at('rows'));
    const rows = Array.from({ length: ROWS }, (_, n) => ({ file: `${n}.png`, className: '', sha256: `${n}`.padStart(64, '0'), numbers: float32Of(NUMBERS, (d) => uniform(n * NUMBERS, d) - 0.5) })); // prettier-ignore
    await writeMadeUpShard({ folder: at('rows'), model: at('small'), count: 2, index: 0 }, [rows]);
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  test('stopped by Ctrl-C, keeps the rows that were taken', async () => {
    // So many candidates make it slow.
    const child = startCli('finch', ['index', 'build', at('rows'), '--out', at('x.index'), '--expansion', '5000'], { spawn: { stdio: 'ignore' } }); // prettier-ignore
    const ended = once(child, 'close');
    while (child.exitCode === null && !(await hasNames(at('x.index')))) await sleep(20);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
    const index = (await openVectors(at('x.index')))!;
    const { rows, sources } = index.record;
    assert.ok(rows > 0 && rows < ROWS && sources[0]!.taken === rows, `${rows}`);
    assert.equal((await index.names(new Set([rows - 1]))).get(rows - 1)!.file, `${rows - 1}.png`);
    await index.close();
  });

  test('on a disk that takes no more, ends with one line and leaves the former index', async () => {
    const before = await readFile(at('x.index', 'index.json'), 'utf8');
    const files = await readdir(at('x.index'));
    // 400 blocks of 512 or 1024 bytes: less than the graph, and more than the names. The vectors are between.
    const limited = ['-c', 'ulimit -f 400; exec "$@"', 'sh', process.execPath, path.join(PACKAGE_ROOT, 'bin', 'finch.js')]; // prettier-ignore
    const { status, stderr } = spawnSync('sh', [...limited, 'index', 'build', at('rows'), '--out', at('x.index'), '--expansion', '16', '--force'], { encoding: 'utf8' }); // prettier-ignore
    assert.equal(status, 3, stderr);
    assert.match(
      stderr,
      /^error: cannot write .*(?:graph-[0-9a-f]+\.usearch|vectors-[0-9a-f]+\.bin): [^\n]+$/m,
    );
    assert.equal(await readFile(at('x.index', 'index.json'), 'utf8'), before);
    assert.deepEqual(await readdir(at('x.index')), files);
  });
});
