// `--config FILE`: flags in a file.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Command } from 'commander';
import { withSettingsFile } from '../../src/cli/config-flag.ts';
import type { Output } from '../../src/commands/output.ts';
import { readSettingsFile } from '../../src/config/settings-file.ts';
import { AppError } from '../../src/util/errors.ts';

const KNOWN = [
  { name: 'epochs', isSwitch: false, isOptional: false },
  { name: 'batchSize', isSwitch: false, isOptional: false },
  { name: 'featureLayers', isSwitch: false, isOptional: false },
  { name: 'classWeights', isSwitch: true, isOptional: false },
  { name: 'exif', isSwitch: true, isOptional: false },
  { name: 'findLr', isSwitch: false, isOptional: true },
  { name: 'out', isSwitch: false, isOptional: false },
];

let file = '';
let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-settings-'));
  file = path.join(scratch, 'flags.yaml');
});
after(() => rm(scratch, { recursive: true, force: true }));

const read = async (text: string) => {
  await writeFile(file, text);
  return readSettingsFile(file, KNOWN);
};

test('yaml and json, as flags and in camelCase', async () => {
  const flags = { epochs: '20', batchSize: '16', featureLayers: 'a,b', classWeights: true, exif: false, findLr: true, out: 'runs/x' }; // prettier-ignore
  assert.deepEqual(
    await read('dataset: ./birds\nepochs: 20\nbatch-size: 16\nfeatureLayers: [a, b]\nclass-weights: true\nexif: false\nfind-lr: true\nout: runs/x\n'),
    { dataset: './birds', flags },
  ); // prettier-ignore
  assert.deepEqual(await read(JSON.stringify({ ...flags, epochs: 20, dataset: './birds' })), { dataset: './birds', flags }); // prettier-ignore
  assert.deepEqual(await read('--epochs: 1\nbatch_size: 2\n'), { flags: { epochs: '1', batchSize: '2' } });
});

test('a run’s config.json, without where it wrote', async () => {
  const run = { finch: '0.1.0', dataset: '/birds', model: 'm', settings: { epochs: 99 }, flags: { epochs: '3', out: 'runs/a' } }; // prettier-ignore
  assert.deepEqual(await read(JSON.stringify(run)), { dataset: '/birds', flags: { epochs: '3' } });
});

test('its endpoint counts less than that of the environment', async () => {
  const names = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3'] as const;
  const former = names.map((name) => process.env[name]);
  for (const name of names) delete process.env[name];
  try {
    await writeFile(file, 'endpoint: http://127.0.0.1:1\n');
    const command = new Command().option('--endpoint <url>');
    const taken = () => withSettingsFile({ config: file }, undefined, command, {} as Output);
    process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:2';
    await taken();
    assert.equal(process.env['AWS_ENDPOINT_URL_S3'], undefined);
    delete process.env['AWS_ENDPOINT_URL'];
    await taken();
    assert.equal(process.env['AWS_ENDPOINT_URL_S3'], 'http://127.0.0.1:1');
  } finally {
    names.forEach((name, i) => (former[i] === undefined ? delete process.env[name] : (process.env[name] = former[i])));
  }
}); // prettier-ignore

test('in other encodings and line ends', async () => {
  for (const bytes of [
    Buffer.from('\uFEFFdataset: ./é\nepochs: 3\n', 'utf16le'),
    Buffer.from('dataset: ./é\repochs: 3\r'),
  ]) {
    // prettier-ignore
    await writeFile(file, bytes);
    assert.deepEqual(await readSettingsFile(file, KNOWN), { dataset: './é', flags: { epochs: '3' } });
  }
  await writeFile(file, Buffer.from('dataset: ./caf\xe9\n', 'latin1'));
  const { dataset, remark } = await readSettingsFile(file, KNOWN);
  assert.equal(dataset, './café');
  assert.match(remark!, /is not UTF-8 and is read as Windows-1252/);
});

describe('files that are no list of flags', () => {
  for (const [text, message] of [
    ['epoch: 3', /finetune has no flag 'epoch' \(did you mean epochs\?\)/],
    ['__proto__: 3', /has no flag/],
    ['epochs: {a: 1}', /--epochs must be a value/],
    ['epochs: true', /--epochs must be a value, received true/],
    ['class-weights: 3', /--class-weights must be true or false/],
    ['dataset: 3', /dataset must be a path/],
    ['- a', /is no list of flags: it holds/],
    ['', /is no list of flags/],
    ['no-exif: true', /'no-exif' is written exif here, with true or false/],
    ['epochs: 1\n---\nepochs: 2', /is no list of flags: it holds several documents/],
    ['a: [', /is no list of flags/],
    ['epochs: 1\nepochs: 2', /is no list of flags/],
    [
      'a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]',
      /is no list of flags|no flag/,
    ],
  ] as const) {
    test(JSON.stringify(text.slice(0, 40)), async () => {
      await assert.rejects(read(text), (error: unknown) => {
        assert.ok(error instanceof AppError, String(error));
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
  }
  test('no file', () => assert.rejects(readSettingsFile(path.join(scratch, 'none'), KNOWN), /no such file/));
});
