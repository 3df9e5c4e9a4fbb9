// features-devices.test.ts: rows of one engine or device are never given out as another's by the cache.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-devices-'));
  await writeSmallModel(path.join(home, 'small'));
  await writeDataset(path.join(home, 'data'), ['a', 'b'], 4);
});
after(() => rm(home, { recursive: true, force: true }));

/** The bytes of the rows of all pictures. */
async function rows(out: string, ...flags: readonly string[]): Promise<Buffer> {
  const args = ['data', '--model', 'small', '--threads', '1', '--out', out, ...flags];
  const { code, stderr } = await runCli('extract-features', args, { env: { FINCH_HOME: path.join(home, 'home') }, spawn: { cwd: home } }); // prettier-ignore
  assert.equal(code, 0, stderr);
  return readFile(path.join(home, out));
}

const cacheSets = async () => (await readdir(path.join(home, 'home', 'features'))).length;

it('rows that the CPU left in the cache are not taken for those of --device js, nor the other way', async () => {
  const cpu = await rows('cpu.npy', '--device', 'cpu');
  const before = await cacheSets();
  const js = await rows('js.npy', '--device', 'js');
  assert.equal(await cacheSets(), 2 * before, 'each has rows of its own');
  assert.deepEqual(js, await rows('js-alone.npy', '--device', 'js', '--no-cache'));
  assert.deepEqual(await rows('tfjs.npy', '--engine', 'tfjs', '--device', 'js'), js);
  assert.deepEqual(await rows('again.npy', '--device', 'cpu'), cpu);
  assert.equal(await cacheSets(), 2 * before, 'both were answered from the cache');
});
