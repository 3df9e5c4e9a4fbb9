// One model in another's place: whatever the moment at which the process ends, the folder holds the former model or the new one,
// and nothing else in it is touched.

import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { refuseOtherContent } from '../../src/artefact/exchange.ts';
import { readModelFolder, verifyModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { madeUpWeights } from '../helpers/made-up-model.ts';

let scratch = '';
before(async () => {
  scratch = await fs.mkdtemp(path.join(tmpdir(), 'finch-exchange-'));
});
after(() => fs.rm(scratch, { recursive: true, force: true }));

/** A model of so many classes: the weights of 600,000 need three shards. */
function made(classes: number): Model {
  const b = graphBuilder('made', 8);
  const graph = b.build(b.dense(b.globalAveragePooling2d(b.input, 'pool'), 'fc', classes));
  return { name: `made-${classes}`, graph, weights: madeUpWeights(graph) };
}

const write = (folder: string, model: Model) => writeModelFolder(folder, model, { dtype: 'float32' });

/** Runs `action` in a process that ends, as far as the disk can tell, before its call number `last` + 1. */
async function killedAfter(last: number, action: () => Promise<void>): Promise<number> {
  const names = ['open', 'writeFile', 'rename', 'rm', 'link', 'copyFile', 'mkdir'] as const;
  const originals = names.map((name) => [name, fs[name]] as const);
  let calls = 0;
  for (const [name, original] of originals) {
    const counted = (...args: unknown[]) => {
      calls += 1;
      if (calls > last) return Promise.reject(new Error('killed'));
      return (original as (...given: unknown[]) => unknown)(...args);
    };
    Object.assign(fs, { [name]: counted });
  }
  syncBuiltinESMExports();
  try {
    await action().catch(() => {});
  } finally {
    Object.assign(fs, Object.fromEntries(originals));
    syncBuiltinESMExports();
  }
  return calls;
}

describe('one model in the place of another', () => {
  test('names its shards as everywhere, and leaves nothing of the former one', async () => {
    const folder = path.join(scratch, 'names');
    await write(folder, made(600_000));
    assert.equal((await fs.readdir(folder)).length, 4);
    await write(folder, made(5));
    assert.deepEqual(await fs.readdir(folder), ['group1-shard1of1.bin', 'model.json']);
    assert.deepEqual(await verifyModelFolder(folder), []);
    assert.equal((await readModelFolder(folder)).name, 'made-5');
  });

  test('killed at any call: the former one or the new one, whole, and the next time brings order', async () => {
    const folder = path.join(scratch, 'killed');
    for (let last = 0; ; last++) {
      await fs.rm(folder, { recursive: true, force: true });
      await write(folder, made(5));
      const calls = await killedAfter(last, () => write(folder, made(7)));
      const { name } = await readModelFolder(folder);
      assert.match(name, /^made-[57]$/);
      assert.deepEqual(await verifyModelFolder(folder), [], `after ${last} calls`);
      await refuseOtherContent(folder);
      await write(folder, made(9));
      assert.deepEqual(
        await fs.readdir(folder),
        ['group1-shard1of1.bin', 'model.json'],
        `after ${last} calls`,
      );
      assert.deepEqual(await verifyModelFolder(folder), []);
      if (calls <= last) break;
      assert.ok(last < 200);
    }
  });

  test('touches no other file', async () => {
    const folder = path.join(scratch, 'others');
    await write(folder, made(5));
    await fs.writeFile(path.join(folder, 'thesis.txt'), 'x');
    await write(folder, made(7));
    assert.deepEqual(await fs.readdir(folder), ['group1-shard1of1.bin', 'model.json', 'thesis.txt']);
  });
});

describe('what --force may replace', () => {
  const refused = (folder: string, message: RegExp) =>
    assert.rejects(refuseOtherContent(folder), { code: 'USAGE', message });

  test('nothing, an empty folder, and a model that finch wrote', async () => {
    const folder = path.join(scratch, 'own');
    await refuseOtherContent(folder);
    await fs.mkdir(folder);
    await refuseOtherContent(folder);
    await write(folder, made(5));
    await refuseOtherContent(folder);
  });

  test('no folder that holds anything else, by name', async () => {
    const folder = path.join(scratch, 'pics');
    await fs.mkdir(folder);
    await fs.writeFile(path.join(folder, 'thesis.txt'), 'x');
    await refused(folder, /pics holds thesis\.txt, which finch did not write/);
    await write(folder, made(5));
    await refused(folder, /holds thesis\.txt/);
    await fs.rm(path.join(folder, 'thesis.txt'));
    await fs.mkdir(path.join(folder, 'group1-shard9of9.bin'));
    await refused(folder, /holds group1-shard9of9\.bin/);
  });

  test('no model of another program, no damaged one, and no file', async () => {
    const folder = path.join(scratch, 'foreign');
    await fs.mkdir(folder);
    for (const json of ['{"format":"layers-model","generatedBy":"keras"}', '{', 'null', '"finch"']) {
      await fs.writeFile(path.join(folder, 'model.json'), json);
      await refused(folder, /holds model\.json/);
    }
    await refused(path.join(folder, 'model.json'), /model\.json is a file/);
  });
});
