// Names of files, classes, models and layers that a terminal, a spreadsheet or a page would obey: every command, every format.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const NAMES = [
  '\x1b[2Jx',
  'a\nb',
  '\x9b31mx',
  '\u202ex',
  '\u2028x',
  '=1+1',
  '__proto__',
  'constructor',
  'x'.repeat(200),
];

/** All that a terminal would obey, but for line ends and the tabs between cells. */
const RAW = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

let scratch = '';
let data = '';
let model = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-names-'));
  data = path.join(scratch, 'data');
  for (const [i, name] of NAMES.entries()) {
    await mkdir(path.join(data, name), { recursive: true });
    await cp(path.join(PACKAGE_ROOT, 'examples', 'book.png'), path.join(data, name, `${name}.png`));
    await writeFile(path.join(data, name, `${i}-broken.png`), 'no picture');
  }
  model = path.join(scratch, 'model');
  await writeSmallModel(model, 'softmax');
  const file = path.join(model, 'model.json');
  const json = JSON.parse(await readFile(file, 'utf8')) as {
    userDefinedMetadata: { finch: { name: string; labels?: object; provenance?: object } };
  };
  const own = json.userDefinedMetadata.finch;
  own.name = '\x1b[2J\u202emodel';
  own.labels = { set: 'own', names: NAMES.slice(0, 7) };
  own.provenance = { source: '\x1b]0;x\x07', licence: 'a\nb\x9b' };
  await writeFile(file, JSON.stringify(json));
});
after(() => rm(scratch, { recursive: true, force: true }));

const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
  'classify as a table': () => ['classify', data, '--model', model],
  'classify as json': () => ['classify', data, '--model', model, '--format', 'json'],
  'classify as ndjson': () => ['classify', data, '--model', model, '--format', 'ndjson'],
  'classify of one that is missing': () => ['classify', path.join(data, '\x1b[2J\n\u202e.png'), '--model', model],
  'extract-features': () => ['extract-features', data, '--model', model, '--out', path.join(scratch, 'f.npy'), '--force'],
  'extract-features --list-layers': () => ['extract-features', data, '--model', model, '--list-layers'],
  'evaluate': () => ['evaluate', data, '--model', model],
  'evaluate as json': () => ['evaluate', data, '--model', model, '--format', 'json'],
  'inspect': () => ['inspect', data, '--model', model],
  'inspect as json': () => ['inspect', data, '--model', model, '--format', 'json'],
  'finetune': () => ['finetune', data, '--model', model, '--epochs', '0', '--out', path.join(scratch, '\x1b[2Jrun')],
  'models info': () => ['models', 'info', model],
  'models info as json': () => ['models', 'info', model, '--format', 'json'],
  'models verify': () => ['models', 'verify', model],
  'models export': () => ['models', 'export', model, '--format', 'onnx', '--out', path.join(scratch, '\x9b31m.onnx')],
  'models import': () => ['models', 'import', model, '--name', '\x1b[2J'],
  'an unknown model': () => ['classify', data, '--model', '\x1b[2J\u202e'],
  'an unknown flag': () => ['classify', data, '--\x1b[2J'],
  'an unknown command': () => ['\x1b[2J\u202e'],
  'an unknown layer': () => ['extract-features', data, '--model', model, '--layer', '\x1b[2J', '--out', path.join(scratch, 'g.npy')],
}; // prettier-ignore

describe('names that a terminal would obey are never printed raw', () => {
  for (const [what, args] of Object.entries(COMMANDS)) {
    test(what, async () => {
      const { stdout, stderr, code } = await runCli('finch', args(), {
        env: { FINCH_HOME: path.join(scratch, 'home') },
      });
      assert.ok(code !== null && code !== 70, `${code}: ${stderr}`);
      assert.doesNotMatch(stderr, RAW);
      // A script gets the path that was written as it is.
      if (what !== 'models export') assert.doesNotMatch(stdout, RAW);
    });
  }
});

test('json has the names as they are', async () => {
  const { stdout } = await runCli('finch', ['classify', path.join(data, '\u202ex', '\u202ex.png'), '--model', model, '--format', 'json', '--topk', '7']); // prettier-ignore
  const [row] = JSON.parse(stdout) as [{ file: string; model: string; predictions: { label: string }[] }];
  assert.equal(path.basename(row.file), '\u202ex.png');
  assert.deepEqual(new Set(row.predictions.map(({ label }) => label)), new Set(NAMES.slice(0, 7)));
});

test('csv has the names as they are; --csv-safe puts an apostrophe before what a spreadsheet would compute', async () => {
  const args = [
    'classify',
    path.join(data, '=1+1', '=1+1.png'),
    '--model',
    model,
    '--format',
    'csv',
    '--topk',
    '7',
  ];
  assert.match((await runCli('finch', args)).stdout, /,=1\+1,/);
  const safe = await runCli('finch', [...args, '--csv-safe']);
  assert.match(safe.stdout, /,'=1\+1,/);
  assert.doesNotMatch(safe.stdout, /(^|,|")[=+@-]/m);
  const said = path.join(scratch, 'said.csv');
  await runCli('finch', ['evaluate', data, '--model', model, '--predictions', said, '--csv-safe']);
  assert.doesNotMatch(await readFile(said, 'utf8').catch(() => ''), /(^|,|")[=+@-]/m);
  const { code, stderr } = await runCli('finch', ['classify', data, '--model', model, '--csv-safe']);
  assert.equal(code, 2);
  assert.match(stderr, /--csv-safe belongs to --format csv/);
});
