// features.ts: what is measured of extract-features: a folder of 1,000 end to end, the same again from the cache, memory.

import { spawn } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { modelFolder, nameOf, peerSide, photos, type BenchContext } from './context.ts';
import { measure, seconds, type Row } from './measure.ts';
import { memoryGrowth } from './memory.ts';

const EXTRACT = path.join(PACKAGE_ROOT, 'bin', 'extract-features.js');
const COUNT = 1000;

async function networks(scratch: string): Promise<readonly (readonly [name: string, model: string])[]> {
  return [
    ['efficientnet_lite0', 'efficientnet_lite0'],
    ['resnet18', await modelFolder(scratch, 'resnet18')],
  ];
}

const args = (pictures: string, model: string, scratch: string) =>
  [EXTRACT, pictures, '--model', model, '--out', path.join(scratch, 'bench.npy'), '--force'] as const;

/** Whole processes, start to end, both sides; finch with an empty cache that it fills. */
export async function features({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const pictures = await photos(scratch, COUNT);
  const home = path.join(scratch, 'home');
  const rows: Row[] = [];
  for (const [name, model] of await networks(scratch)) {
    rows.push(
      await measure({
        measure: `features of ${COUNT}, ${name}`,
        unit: 'pictures/s',
        isRate: true,
        repeats: 3,
        peerName: `${nameOf(peer)}, 2 loader workers`,
        finch: async () => {
          await rm(home, { recursive: true, force: true });
          return COUNT / seconds(process.execPath, args(pictures, model, scratch), { FINCH_HOME: home });
        },
        peer: peerSide(peer, name, (python) => COUNT / python.seconds('features', name, pictures)),
      }),
    );
  }
  return rows;
}

/** The same folder again; the peer is finch's first time. */
export async function featuresCached({ scratch }: BenchContext): Promise<readonly Row[]> {
  const pictures = await photos(scratch, COUNT);
  const home = path.join(scratch, 'home');
  const rows: Row[] = [];
  for (const [name, model] of await networks(scratch)) {
    const run = () => seconds(process.execPath, args(pictures, model, scratch), { FINCH_HOME: home });
    rows.push(
      await measure({
        measure: `features of ${COUNT} again, ${name}`,
        unit: 's',
        repeats: 3,
        peerName: 'the first time',
        finch: run,
        peer: async () => {
          await rm(home, { recursive: true, force: true });
          return run();
        },
      }),
    );
  }
  return rows;
}

export async function featuresMemory({ scratch }: BenchContext): Promise<readonly Row[]> {
  const pictures = await photos(scratch, 10_000);
  const out = path.join(scratch, 'memory.npy');
  const child = spawn(process.execPath, [EXTRACT, pictures, '--out', out, '--no-cache', '--force']);
  const rowBytes = 4 * 1280;
  return memoryGrowth('memory of features', child, async () => {
    const found = await stat(out).catch(() => undefined);
    return (found?.size ?? 0) / rowBytes;
  });
}
