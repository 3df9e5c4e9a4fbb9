// Processes that make shards of a bucket's pictures, killed and stopped in the middle: nothing half is left, and the next one writes the
// same bytes. And one that learns from shards: its memory does not grow with their rows.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { extractShard } from '../../src/api/sharding/extract-shard.ts';
import { listShards } from '../../src/api/sharding/list.ts';
import { workOf } from '../../src/api/work.ts';
import { listConfig } from '../../src/config/shards.ts';
import { writeMadeUpShard, type MadeUpRow } from '../helpers/made-up-shards.ts';
import { runCli, startCli } from '../helpers/run-cli.ts';
import { MANIFEST, nameOf, startS3Pictures, type S3Pictures } from '../helpers/s3-pictures.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let s3: S3Pictures;
const work = workOf({});
const stdin = Readable.from([]);

before(async () => {
  s3 = await startS3Pictures();
});
after(() => s3.close());

test('shards that are killed or stopped in the middle leave nothing, and run again give the same bytes', async () => {
    await listShards(listConfig(['s3://photos/set'], { size: '4', out: MANIFEST }), stdin, work);
    await extractShard(s3.shardConfig(0, 's3://work/rows'), work);
    const args = ['--manifest', MANIFEST, '--shard', '0/2', '--no-cache', '--model', s3.at('small')];
    for (const [out, signal] of [['s3://work/killed', 'SIGKILL'], ['s3://work/stopped', 'SIGINT'], [s3.at('killed'), 'SIGKILL']] as const) {
      let pictures = 0;
      const child = startCli('extract-features', [...args, '--out', out], { env: s3.env, spawn: { stdio: 'ignore' } });
      // Once the shard is being made: its last picture is asked for.
      s3.server.fault = ({ method, url }) => {
        if (method === 'GET' && /png/.test(url!) && ++pictures === 4) child.kill(signal);
        return undefined;
      };
      const code = await new Promise((resolve) => child.on('close', resolve));
      assert.equal(code, signal === 'SIGINT' ? 130 : null);
      assert.deepEqual([...s3.stored('work').keys()].filter((key) => /killed|stopped/.test(key)), []);
      s3.server.fault = () => undefined;
      await extractShard(s3.shardConfig(0, out), work);
      const made = out.startsWith('s3:') ? s3.stored('work').get(`${out.slice('s3://work/'.length)}/${nameOf(0)}`)! : await readFile(path.join(out, nameOf(0)));
      assert.ok(made.equals(s3.stored('work').get(`rows/${nameOf(0)}`)!), out);
      for (const key of s3.stored('work').keys()) if (/killed|stopped/.test(key)) s3.stored('work').delete(key);
    }
    assert.deepEqual(await readdir(s3.at('killed')), [nameOf(0)]);
  }); // prettier-ignore

const NUMBERS = 512;
const MIB = 2 ** 20;

/** Rows that cost nothing to make up: parts of the same noise. */
function* madeUp(count: number): Generator<readonly MadeUpRow[]> {
  const noise = Float32Array.from({ length: 2 ** 18 }, (_, i) => Math.sin(i * i));
  const group = 1000;
  for (let from = 0; from < count; from += group) {
    yield Array.from({ length: Math.min(group, count - from) }, (_, i): MadeUpRow => {
      const n = from + i;
      const at = (n * 97) % (noise.length - NUMBERS);
      const sha256 = (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').padEnd(64, '0');
      return { file: `${n}.jpg`, className: `class ${n % 10}`, sha256, numbers: noise.subarray(at, at + NUMBERS) };
    });
  }
} // prettier-ignore

/** Of `finch shards learn`, in bytes. */
async function peakOf(rows: number): Promise<number> {
  const folder = s3.at(`rows-${rows}`);
  await mkdir(folder);
  await writeMadeUpShard({ folder, model: s3.at('broad'), count: 1, index: 0 }, madeUp(rows));
  const tell = "process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))";
  const args = ['shards', 'learn', folder, '--model', s3.at('broad'), '--method', 'converged', '--head-epochs', '1', '--threads', '1', '--out', s3.at(`run-${rows}`)]; // prettier-ignore
  const { code, stderr } = await runCli('finch', args, { env: { ...s3.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}` } }); // prettier-ignore
  assert.equal(code, 0, stderr);
  return 1024 * Number(/peak (\d+)/.exec(stderr)![1]);
}

test('learning from shards does not hold them', async () => {
  await writeSmallModel(s3.at('broad'), 'logits', NUMBERS);
  const [few, many] = [4000, 80_000];
  const growth = (await peakOf(many)) - (await peakOf(few));
  const held = (many - few) * NUMBERS * 4;
  assert.ok(growth < held / 2, `${growth / MIB} MiB more, for ${held / MIB} MiB of rows`);
});
