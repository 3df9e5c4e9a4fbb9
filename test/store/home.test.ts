// Where models lie: what can be fetched again in a cache, what cannot in a folder that nobody empties.

import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { importedModels, pulledModels } from '../../src/store/home.ts';

const NAMES = ['FINCH_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME'] as const;
const before = NAMES.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

test('with FINCH_HOME everything is there', () => {
  process.env['FINCH_HOME'] = '/models-of-mine';
  const expected = path.resolve('/models-of-mine', 'models');
  assert.deepEqual([pulledModels(), importedModels()], [expected, expected]);
});

test('without it, imported models lie in the data folder', { skip: process.platform !== 'linux' }, () => {
  for (const name of NAMES) delete process.env[name];
  assert.equal(pulledModels(), path.join(homedir(), '.cache', 'finch', 'models'));
  assert.equal(importedModels(), path.join(homedir(), '.local', 'share', 'finch', 'models'));
  process.env['XDG_DATA_HOME'] = '/data';
  assert.equal(importedModels(), '/data/finch/models');
});
