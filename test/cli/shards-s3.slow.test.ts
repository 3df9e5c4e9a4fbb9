// Processes that make shards of a bucket's pictures, killed and stopped in the middle: nothing half is left, and the next one writes the
// same bytes.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { extractShard } from '../../src/api/sharding/extract-shard.ts';
import { listShards } from '../../src/api/sharding/list.ts';
import { workOf } from '../../src/api/work.ts';
import { listConfig } from '../../src/config/shards.ts';
import { startCli } from '../helpers/run-cli.ts';
import { MANIFEST, nameOf, startS3Pictures, type S3Pictures } from '../helpers/s3-pictures.ts';

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
