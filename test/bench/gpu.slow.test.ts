// The GPU check as it runs on a machine with a card: packed, unpacked with nothing else at hand, on a Vulkan driver in software.
// ResNet-18 trains on that driver in engine/webgpu.slow.test.ts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Outcome } from '../../bench/gpu/table.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { softwareVulkan } from '../helpers/vulkan.ts';

const vulkan = softwareVulkan();
const skip =
  process.platform !== 'linux' || process.arch !== 'x64' ? 'the bundle is for linux x64' : vulkan.skip;

test('the GPU check runs from its parts alone, and agrees with the CPU', { skip }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'finch-gpu-test-'));
  try {
    const [parts, out] = [path.join(folder, 'parts'), path.join(folder, 'out')];
    const pack = path.join(PACKAGE_ROOT, 'bench', 'gpu', 'pack.js');
    // Packed without much effort: the parts are larger, and xz takes ten seconds, not ninety.
    const packed = spawnSync(process.execPath, [pack, parts], {
      env: { ...process.env, XZ_OPT: '-0 -T0' },
      encoding: 'utf8',
    });
    assert.equal(packed.status, 0, packed.stderr);
    for (const name of readdirSync(parts)) {
      assert.ok(statSync(path.join(parts, name)).size <= 64 * 2 ** 20, name);
    }

    const env = { PATH: '/usr/bin:/bin', HOME: folder, VK_ICD_FILENAMES: vulkan.env['VK_ICD_FILENAMES'] };
    const args = [path.join(parts, 'run.sh'), '--small', '--step-seconds', '240', '--out', out];
    const ran = spawnSync('sh', [...args, '--only', 'forward,training,classify,peer'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(ran.status, 0, ran.stderr);

    const { steps } = JSON.parse(readFileSync(path.join(out, 'gpu.json'), 'utf8')) as { steps: Outcome[] };
    const of = (name: string) => steps.find((step) => step.name.startsWith(name))!;
    for (const name of ['training squeeze_excite', 'forward squeeze_excite']) {
      const [onCard, onCpu] = [of(`${name} webgpu`), of(`${name} cpu`)];
      assert.equal(onCard.error, undefined);
      const scale = Math.max(...onCpu.numbers!.map(Math.abs));
      onCpu.numbers!.forEach((x, i) => assert.ok(Math.abs(x - onCard.numbers![i]!) <= 1e-3 * scale, `${name} ${i}`)); // prettier-ignore
    }
    assert.ok(of('classify webgpu').picturesPerSecond! > 0);
    assert.ok(
      steps.filter(({ name }) => name.startsWith('peer')).every((step) => step.skipped ?? step.error),
    );
    assert.match(readFileSync(path.join(out, 'gpu.md'), 'utf8'), /\| training squeeze_excite webgpu/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
