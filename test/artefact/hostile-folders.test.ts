// hostile-folders.test.ts: model folders that were made to stop the program, to fill memory, or to write on the terminal.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readModelFolder, verifyModelFolder } from '../../src/artefact/model-folder.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { AppError } from '../../src/util/errors.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
let good = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-hostile-'));
  good = path.join(scratch, 'good');
  await writeSmallModel(good);
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A copy of the good folder with another text in place of a part of its model.json. */
async function changed(from: string | RegExp, to: string): Promise<string> {
  const folder = await mkdtemp(path.join(scratch, 'case-'));
  await cp(good, folder, { recursive: true });
  const file = path.join(folder, 'model.json');
  const text = await readFile(file, 'utf8');
  const other = text.replace(from, () => to);
  assert.notEqual(other, text);
  await writeFile(file, other);
  return folder;
}

async function use(folder: string): Promise<void> {
  const { graph } = await readModelFolder(folder);
  inferShapes(graph);
  const problems = await verifyModelFolder(folder);
  if (problems.length > 0) throw new AppError('MODEL_INVALID', problems.join('; '));
}

const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);
const LONG = 'x'.repeat(100_000);
const SHARD = /"group1-shard1of1\.bin"(?=\])/;

const CASES: Readonly<Record<string, readonly [string | RegExp, string, RegExp]>> = {
  'a deep activation': ['"activation":"relu"', `"activation":${DEEP}`, /nests more than 64 levels/],
  'a deep format': ['"format":"layers-model"', `"format":${DEEP}`, /nests more than 64 levels/],
  'millions of values': ['"convertedBy":null', `"convertedBy":[${'{},'.repeat(3_000_000)}0]`, /values of JSON/], // prettier-ignore
  'a shard called constructor': [
    '"shards":{',
    '"shards":{"constructor":"00",',
    /constructor: sha256 is missing/,
  ],
  'a shard called __proto__': ['"shards":{', '"shards":{"__proto__":"00",', /__proto__: sha256 is missing/],
  'a shard with a name longer than the system takes': [SHARD, `"${LONG}"`, /the shard x+… cannot be read \(ENAMETOOLONG\)/], // prettier-ignore
  'one shard listed again and again': [SHARD, Array.from({ length: 1000 }, () => '"group1-shard1of1.bin"').join(','), /twice/], // prettier-ignore
  'a shard elsewhere': [SHARD, '"../group1-shard1of1.bin"', /does not lie in the model's folder/],
  'padding without end': [/"padding":\[\[1,1\],\[1,1\]\]/, '"padding":[[100000,100000],[100000,100000]]', /more numbers than memory holds/], // prettier-ignore
  'a long class of layer': ['"class_name":"Activation"', `"class_name":"${LONG}"`, /does not know layers of class/], // prettier-ignore
  'escapes in a name of a layer': [/"name":"conv1"/, '"name":"\\u001b[2Jconv1"', /./],
  'a list where a text is expected': [
    '"format":"layers-model"',
    `"format":["${LONG}"]`,
    /expected a text, received/,
  ],
};
for (const [what, [from, to, message]] of Object.entries(CASES)) {
  test(`${what}: one short printable line`, { timeout: 20_000 }, async () => {
    const folder = await changed(from, to);
    await assert.rejects(use(folder), (error) => {
      assert.ok(error instanceof AppError, String(error));
      assert.match(error.message, message);
      assert.ok(error.message.length < 1200, `${error.message.length} characters`);
      assert.doesNotMatch(error.message, /\p{Cc}/u);
      return true;
    });
  });
}
