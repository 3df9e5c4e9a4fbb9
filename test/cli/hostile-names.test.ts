// Names of files, classes, models and layers that a terminal, a spreadsheet or a page would obey: every command, every format.

import assert from 'node:assert/strict';
import { cp, link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { RAW } from '../helpers/raw-text.ts';
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
  '-x',
  ' "x\' $(x) ',
];

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
  if (process.platform === 'linux') {
    const bytes = Buffer.concat([
      Buffer.from(path.join(data, '-x', path.sep)),
      Buffer.from([0xff, 0x9b, 0x2e]),
    ]);
    await cp(path.join(PACKAGE_ROOT, 'examples', 'book.png'), path.join(scratch, 'book.png'));
    await link(path.join(scratch, 'book.png'), Buffer.concat([bytes, Buffer.from('png')]));
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
  // As if somebody had put it among the user's models.
  await cp(model, path.join(scratch, HOME, 'models', '\x1b[2J\u202emodel'), { recursive: true });
  const rows = path.join(scratch, '\x1b[2J\u202e.npy');
  const { code, stderr } = await runCli('extract-features', [data, '--model', model, '--out', rows], {
    env: home(),
  });
  assert.equal(code, 1, stderr);
});
after(() => rm(scratch, { recursive: true, force: true }));

/** The user's models, in a folder of such a name. */
const HOME = 'home\x9b\u202e';
const home = () => ({ FINCH_HOME: path.join(scratch, HOME) });

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
  'models import over it': () => ['models', 'import', model, '--out', path.join(scratch, HOME, 'models', '\x1b[2J\u202emodel')],
  'models import of one that is missing': () => ['models', 'import', path.join(scratch, '\x1b[2J\n\u202e.pth')],
  'models import of what is none': () => ['models', 'import', path.join(data, '\x1b[2Jx', '\x1b[2Jx.png')],
  'models list': () => ['models', 'list'],
  'models list as json': () => ['models', 'list', '--format', 'json'],
  'models list of a name': () => ['models', 'list', '\x1b[2J\u202e'],
  'models list of a licence': () => ['models', 'list', '--licence', '\x1b[2J\n\u202e'],
  'models pull of one that is unknown': () => ['models', 'pull', '\x1b[2J\n\u202e', '..', '-x'],
  'models info of the one in the home': () => ['models', 'info', '\x1b[2J\u202emodel'],
  'models verify of one that is unknown': () => ['models', 'verify', '\x1b[2J\n\u202e', '..'],
  'models export as tfjs': () => ['models', 'export', model, '--format', 'tfjs', '--out', path.join(scratch, '\x9b31m-tfjs')],
  'models export over it': () => ['models', 'export', model, '--format', 'tfjs', '--out', path.join(data, '\x1b[2Jx'), '--force'],
  'search': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model],
  'search as json': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model, '--format', 'json'],
  'search as a page': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model, '--format', 'html'],
  'search to a file': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model, '--out', path.join(scratch, '\x1b[2J\n.json')],
  'search in what is missing': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\n\u202e-none.npy')],
  'search for what is missing': () => ['search', '\x1b[2J\n\u202e', '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model],
  'search with another layer': () => ['search', data, '--in', path.join(scratch, '\x1b[2J\u202e.npy'), '--model', model, '--layer', '\x1b[2J'],
  'an unknown model': () => ['classify', data, '--model', '\x1b[2J\u202e'],
  'an unknown flag': () => ['classify', data, '--\x1b[2J'],
  'an unknown command': () => ['\x1b[2J\u202e'],
  'an unknown layer': () => ['extract-features', data, '--model', model, '--layer', '\x1b[2J', '--out', path.join(scratch, 'g.npy')],
}; // prettier-ignore

/** Their stdout is the path of what was written. */
const WRITTEN_PATH: ReadonlySet<string> = new Set(['models export', 'models export as tfjs']);

describe('names that a terminal would obey are never printed raw', () => {
  for (const [what, args] of Object.entries(COMMANDS)) {
    test(what, async () => {
      const { stdout, stderr, code } = await runCli('finch', args(), {
        env: home(),
      });
      assert.ok(code !== null && code !== 70, `${code}: ${stderr}`);
      assert.doesNotMatch(stderr, RAW);
      // A script gets the path that was written as it is.
      if (!WRITTEN_PATH.has(what)) assert.doesNotMatch(stdout, RAW);
    });
  }
});

test('of an endless name a message shows the beginning', async () => {
  const name = 'y'.repeat(3000);
  const lines = [
    ['models', 'pull', name],
    ['models', 'info', name],
    ['models', 'info', `./${name}`],
    ['models', 'import', path.join(model, 'model.json'), '--arch', name],
  ];
  for (const args of lines) {
    const { stderr, code } = await runCli('finch', args, { env: home() });
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^error: .{1,400}\n$/);
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
