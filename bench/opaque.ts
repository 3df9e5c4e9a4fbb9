// opaque.ts: what is measured of a network that finch runs as it is: the features of a folder, beside a script with onnxruntime for Python.

import { spawnSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { photos, type BenchContext } from './context.ts';
import { measure, output, seconds, type Row } from './measure.ts';

const SCRIPT = path.join(PACKAGE_ROOT, 'bench', 'peer', 'onnx_peer.py');
const EXTRACT = path.join(PACKAGE_ROOT, 'bin', 'extract-features.js');
const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');
const NETWORK = 'vit_tiny_patch16_224';

/** Whole processes, start to end, both sides; finch with an empty cache that it fills. Without the peer there is no network either. */
export async function featuresOpaque({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const missing = (text: string) => {
    process.stderr.write(`left out: ${text}\n`);
    return [];
  };
  if (typeof peer === 'string') return missing(peer);
  const { python } = peer;
  const modules = 'torch, timm, onnx, onnxruntime, PIL';
  if (spawnSync(python, ['-c', `import ${modules}`]).status !== 0) return missing(`${python} has no ${modules}`); // prettier-ignore
  const count = Number(process.env['FINCH_BENCH_COUNT'] ?? 1000);
  const pictures = await photos(scratch, count);
  const folder = path.join(scratch, NETWORK);
  await mkdir(folder);
  output(python, [SCRIPT, 'export', NETWORK, folder]);
  // Made once, as a user would; what is timed opens the model.
  const imported = path.join(scratch, 'imported');
  const asImported = { FINCH_HOME: imported };
  const file = path.join(folder, 'network.onnx');
  output(process.execPath, [FINCH, 'models', 'import', file, '--name', NETWORK, '--mean', '0.5', '--std', '0.5'], asImported); // prettier-ignore
  const model = path.join(imported, 'models', NETWORK);
  const home = path.join(scratch, 'home');
  const row = await measure({
    measure: `features of ${count}, ${NETWORK} as it is`,
    unit: 'pictures/s',
    isRate: true,
    repeats: 3,
    peerName: 'onnxruntime in Python, 2 workers that open pictures',
    finch: async () => {
      await rm(home, { recursive: true, force: true });
      const out = path.join(scratch, 'bench.npy');
      return count / seconds(process.execPath, [EXTRACT, pictures, '--model', model, '--out', out, '--force'], { FINCH_HOME: home }); // prettier-ignore
    },
    peer: () => count / seconds(python, [SCRIPT, 'features', path.join(folder, 'features.onnx'), pictures]),
  });
  return [row];
}
