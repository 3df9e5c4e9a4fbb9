// triton.slow.test.ts: the official client of the v2 protocol, tritonclient, gets what it asks for. FINCH_PYTHON names a Python that has it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { draw } from '../helpers/pictures.ts';
import { hasModules } from '../helpers/python-peer.ts';
import { post, startServed } from '../helpers/served.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const python = process.env['FINCH_PYTHON'] ?? 'python3';
const skip =
  !hasModules(python, 'tritonclient.http') &&
  `needs tritonclient[http] in ${python} (FINCH_PYTHON names another)`;

type Rows = readonly (readonly number[])[];

test(
  'tritonclient: health, descriptions, inference in every form, errors, letting go and loading',
  { skip },
  async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'finch-triton-'));
    process.env['FINCH_HOME'] = path.join(scratch, 'home');
    await writeSmallModel(path.join(scratch, 'small'));
    const picture = await draw(path.join(scratch, 'a.png'), 'disc');
    const served = await startServed(path.join(scratch, 'small'));
    try {
      const classified = await post(served.base, '/v1/classify?topk=7', await readFile(picture));
      const { predictions } = (await classified.json()) as { predictions: readonly { index: number; probability: number }[] }; // prettier-ignore
      const script = path.join(PACKAGE_ROOT, 'test', 'golden', 'triton_client.py');
      const args = [new URL(served.base).host, 'small', picture, `${HALF.mean[0]}`, `${HALF.std[0]}`];
      const { stdout } = await promisify(execFile)(python, [script, ...args]);
      const { encoded, encodedJson, pixels, pixelsJson, normalized, error, ...rest } = JSON.parse(stdout) as Record<'encoded' | 'encodedJson' | 'pixels' | 'pixelsJson' | 'normalized', Rows> & { error: string }; // prettier-ignore
      assert.deepEqual(rest, {
        live: true,
        ready: true,
        described: 'small',
        index: [{ name: 'small', version: '1', state: 'READY' }],
        unloaded: false,
        loaded: true,
      });
      assert.match(error, /^\[400\] the shape must be \[N,24,24,3\], received \[3,23,24,3\]/);
      for (const { index, probability } of predictions) {
        assertAllClose([encoded[0]![index]!], [probability], { rtol: 0, atol: 1e-6 });
      }
      assert.deepEqual(encodedJson, encoded);
      assert.deepEqual(pixelsJson, pixels);
      assertAllClose(normalized.flat(), pixels.flat(), { rtol: 1e-4, atol: 1e-6 });
    } finally {
      await served.close();
      await rm(scratch, { recursive: true, force: true });
    }
  },
);
