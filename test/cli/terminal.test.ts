// terminal.test.ts: what a person at a terminal meets: Ctrl-C, names that would drive the terminal, hints.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { usageLine } from '../../src/cli/usage-line.ts';
import { runCli, startCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const NO_SIGNALS = process.platform === 'win32' && 'no SIGINT';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-terminal-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

test('doctor at Ctrl-C says so, ends, and blames no driver', { skip: NO_SIGNALS }, async () => {
  const started = startCli('finch', ['doctor'], {});
  let stderr = '';
  let stdout = '';
  started.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  started.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  setTimeout(() => started.kill('SIGINT'), 1500);
  const code = await new Promise((resolve) => started.on('close', resolve));
  assert.equal(code, 130);
  assert.equal(stderr, 'stopping…\n');
  assert.equal(stdout, '');
});

test('a second Ctrl-C ends a program that is still busy with the first', { skip: NO_SIGNALS }, async () => {
  // Nothing attends to a signal while the input is waited for here.
  const child = startCli('classify', ['-', '--offline'], {});
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (stderr.includes('stopping…')) child.kill('SIGINT');
  });
  setTimeout(() => child.kill('SIGINT'), 1500);
  await new Promise((resolve) => child.on('close', resolve));
  assert.equal(stderr.match(/stopping…/g)?.length, 1);
});

test('escapes in the names of a model reach neither stdout nor stderr', async () => {
  const model = path.join(scratch, 'hostile');
  await writeSmallModel(model);
  const file = path.join(model, 'model.json');
  const content = JSON.parse(await readFile(file, 'utf8')) as {
    userDefinedMetadata: Record<string, unknown>;
  };
  const hostile = 'evil\x1b]0;owned\x07\x1b[2J\u009b31m\nline\u202eback';
  content.userDefinedMetadata['name'] = hostile;
  content.userDefinedMetadata['provenance'] = { source: hostile, licence: hostile, changes: hostile };
  await writeFile(file, JSON.stringify(content));
  for (const args of [
    ['models', 'info', model],
    ['extract-features', '--list-layers', '--model', model],
  ]) {
    const { code, stdout, stderr } = await runCli('finch', args);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\p{Bidi_Control}]/u);
  }
});

test('what other programs call a command is answered with its name here', async () => {
  const expected = { train: 'finetune', predict: 'classify', val: 'evaluate', version: '--version', '-v': '--version', 'https://a.b/c.jpg': 'classify https://a.b/c.jpg' }; // prettier-ignore
  for (const [word, meant] of Object.entries(expected)) {
    const { code, stderr } = await runCli('finch', [word]);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`'${word}' (did you mean: ${meant}?)`), stderr);
  }
  // Behind the name of a command, words mean something else; a word is no pattern.
  assert.doesNotMatch(usageLine("error: unknown command './net.onnx'\n", 'models'), /did you mean/);
  assert.ok(usageLine("error: unknown command './$&.jpg'\n", './$&.jpg').includes("classify './$&.jpg'"));
  const [models, bare] = [await runCli('finch', ['models']), await runCli('finch', [])];
  assert.equal(models.code, bare.code);
});

test('an address is no missing file', async () => {
  const dataset = await runCli('finch', ['inspect', 'https://me:secret@example.com/birds']);
  assert.equal(dataset.code, 3);
  assert.match(
    dataset.stderr,
    /^error: https:\/\/example\.com\/birds: datasets are not fetched from addresses/,
  );
  const { code, stdout } = await runCli('classify', ['ftp://example.com/a.jpg?size=*', '--format', 'csv']);
  assert.equal(code, 1);
  assert.match(stdout, /no address that is fetched.*download the picture/);
});

test("finetune's flags come in groups, each flag in one", async () => {
  const { stdout } = await runCli('finetune', ['--help']);
  const headings = new Set(stdout.split('\n').filter((line) => /^\w.*:$/.test(line)));
  for (const heading of ['Stage 1, the head:', 'Stage 2, all weights:', 'Augmentation:', 'Run:']) {
    assert.ok(headings.has(heading), heading);
  }
  for (const flag of ['--lr', '--device', '--augment', '--resume']) {
    assert.equal(stdout.match(new RegExp(`^  (-\\w, )?${flag} `, 'gm'))?.length, 1, flag);
  }
});

test('help fits into 80 columns', async () => {
  const commands = [
    'classify',
    'finetune',
    'evaluate',
    'extract-features',
    'search',
    'inspect',
    'models',
    'doctor',
  ];
  const all = [
    [],
    ...commands.map((name) => [name]),
    ['completion'],
    ['models', 'import'],
    ['models', 'list'],
  ];
  const texts = await Promise.all(all.map((words) => runCli('finch', [...words, '--help'])));
  for (const { code, stdout } of texts) {
    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n').filter((line) => line.length > 80), []); // prettier-ignore
  }
});
