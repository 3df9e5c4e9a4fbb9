// models-page.test.ts: the table of all networks in docs/models.md is that of the records and of what was measured.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/util/package.ts';

test('the table of all networks is up to date', () => {
  const script = path.join(PACKAGE_ROOT, 'scripts', 'models-table.js');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
