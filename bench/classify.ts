// classify.ts: what is measured of classify: help, cold start, the networks alone, a folder end to end, memory.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import { BOOK, modelFolder, nameOf, peerSide, photos, type BenchContext } from './context.ts';
import { measure, median, seconds, type Row } from './measure.ts';
import { memoryGrowth } from './memory.ts';

const CLASSIFY = path.join(PACKAGE_ROOT, 'bin', 'classify.js');
export async function help(): Promise<readonly Row[]> {
  const times = Array.from({ length: 9 }, () => seconds(process.execPath, [CLASSIFY, '--help']));
  return [
    {
      measure: 'classify --help',
      unit: 's',
      finch: median(times),
      peer: null,
      ratio: null,
      peerName: 'bar: 0.15 s',
    },
  ];
}

/** One picture, whole process. */
export async function cold({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of ['efficientnet_lite0', 'resnet18', 'resnet50']) {
    const model = name === 'efficientnet_lite0' ? name : await modelFolder(scratch, name);
    rows.push(
      await measure({
        measure: `cold classify, ${name}`,
        unit: 's',
        repeats: 5,
        peerName: nameOf(peer),
        finch: () => seconds(process.execPath, [CLASSIFY, BOOK, '--model', model]),
        peer: peerSide(peer, name, (python) => python.seconds('classify', name, BOOK)),
      }),
    );
  }
  return rows;
}

/** The network alone. */
export async function forward({ peer }: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of ['efficientnet_lite0', 'resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152']) {
    const graph = findArchitecture(name).build(1000);
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights: madeUpWeights(graph), ...HALF });
    for (const count of [1, 16]) {
      const batch = { data: new Uint8Array(count * 224 * 224 * 3).fill(100), count, height: 224, width: 224 };
      const once = async () => {
        const started = performance.now();
        await predictor.run(batch);
        return (performance.now() - started) / count;
      };
      rows.push(
        await measure({
          measure: `forward, ${name}, batch ${count}`,
          unit: 'ms/picture',
          repeats: 3,
          peerName: `${nameOf(peer)}, channels_last`,
          finch: async () => {
            await once();
            const times: number[] = [];
            for (let i = 0; i < Math.max(5, 32 / count); i++) times.push(await once());
            return median(times);
          },
          peer: peerSide(
            peer,
            name,
            (python) => python.json('forward', name, String(count))['milliseconds']!,
          ),
        }),
      );
    }
    await predictor.dispose();
  }
  return rows;
}

/** A folder of 1,000 pictures: whole processes, start to end, both sides. */
export async function folder({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const count = 1000;
  const pictures = await photos(scratch, count);
  const rows: Row[] = [];
  for (const name of ['efficientnet_lite0', 'resnet18']) {
    const model = name === 'efficientnet_lite0' ? name : await modelFolder(scratch, name);
    rows.push(
      await measure({
        measure: `folder of ${count}, ${name}`,
        unit: 'pictures/s',
        isRate: true,
        repeats: 3,
        peerName: `${nameOf(peer)}, 2 loader workers`,
        finch: () =>
          count / seconds(process.execPath, [CLASSIFY, pictures, '--model', model, '--format', 'csv']),
        peer: peerSide(peer, name, (python) => count / python.seconds('folder', name, pictures)),
      }),
    );
  }
  return rows;
}

/** Resident memory over a folder of 10,000: the most after the first 500 pictures' end, less what it was then. */
export async function memory({ scratch }: BenchContext): Promise<readonly Row[]> {
  const pictures = await photos(scratch, 10_000);
  const child = spawn(process.execPath, [CLASSIFY, pictures, '--format', 'ndjson', '--topk', '1']);
  let lines = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) lines += Number(byte === 10);
  });
  return memoryGrowth('memory', child, async () => lines);
}
