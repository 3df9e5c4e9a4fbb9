// hostile-names.slow.test.ts: doctor, which tries every device, says where the models are without what a terminal would obey. Its JSON is
// in models.test.ts.

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RAW } from '../helpers/raw-text.ts';
import { runCli } from '../helpers/run-cli.ts';

test('doctor as a table', async () => {
  const env = { FINCH_HOME: path.join(tmpdir(), 'finch-home\x1b[2J\x9b\u202e') };
  const { stdout, stderr, code } = await runCli('finch', ['doctor'], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /finch-home\\/);
  assert.doesNotMatch(stdout + stderr, RAW);
});
