// classify.ts: what is measured of classify: help, cold start, the networks alone, a folder end to end, memory.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture } from '../src/zoo/architectures.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import { BOOK, modelFolder, nameOf, peerSide, phonePhotos, photos, REAL_RESNET18, usersModel, type BenchContext } from './context.ts'; // prettier-ignore
import { measure, median, output, seconds, type Row } from './measure.ts';
import { memoryGrowth } from './memory.ts';
import { greyBatch, peerOf, sizeOf } from './networks.ts';

const CLASSIFY = path.join(PACKAGE_ROOT, 'bin', 'classify.js');
const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');

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

const RESNETS = ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'];
/** One of each family that people use most. */
const FAMILIES = [
  'alexnet',
  'bninception',
  'convnext_tiny',
  'densenet121',
  'efficientnet_b0',
  'efficientnet_v2_s',
  'googlenet',
  'inception_resnet_v2',
  'inception_v3',
  'inception_v4',
  'legacy_xception',
  'mnasnet1_0',
  'mobilenet_v2',
  'mobilenet_v3_large',
  'nasnetamobile',
  'regnet_y_400mf',
  'resnet50d',
  'resnext50_32x4d',
  'seresnet50',
  'shufflenet_v2_x1_0',
  'squeezenet1_1',
  'vgg16',
  'wide_resnet50_2',
];

/** The network alone. */
export const forward = (context: BenchContext) => networks(['efficientnet_lite0', ...RESNETS], [1, 16], context); // prettier-ignore
/** `FINCH_BENCH_NETWORKS=a,b`: those alone. */
export const forwardZoo = (context: BenchContext) =>
  networks(process.env['FINCH_BENCH_NETWORKS']?.split(',') ?? FAMILIES, [8], context);

async function networks(
  names: readonly string[],
  counts: readonly number[],
  { peer }: BenchContext,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    const peerName = peerOf(name);
    const side = sizeOf(name);
    const graph = findArchitecture(name).build(1000);
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights: madeUpWeights(graph), ...HALF });
    for (const count of counts) {
      const batch = greyBatch(count, side);
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
            peerName,
            (python) => python.json('forward', peerName, String(count), String(side))['milliseconds']!,
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

/** The same with ResNet-18 in 8 bits, where the user has its real weights: made-up ones agree with nothing. */
export async function folderInt8({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const found = await usersModel(REAL_RESNET18);
  if (!found) {
    process.stderr.write(`left out: there is no model ${REAL_RESNET18.join(' or ')}\n`);
    return [];
  }
  const count = 1000;
  const [pictures, few] = [await photos(scratch, count), await photos(scratch, 100)];
  const home = path.join(scratch, 'home-int8');
  output(process.execPath, [FINCH, 'models', 'quantize', found, '--calibrate', few, '--name', 'bytes'], { FINCH_HOME: home }); // prettier-ignore
  const rateOf = (model: string) => () =>
    count / seconds(process.execPath, [CLASSIFY, pictures, '--model', model, '--format', 'csv']);
  const row = { measure: `folder of ${count}, resnet18 in 8 bits`, unit: 'pictures/s', isRate: true, repeats: 3, finch: rateOf(path.join(home, 'models', 'bytes')) }; // prettier-ignore
  const torch = peerSide(peer, 'resnet18', (python) => count / python.seconds('folder', 'resnet18', pictures)); // prettier-ignore
  return [
    await measure({ ...row, peerName: `${nameOf(peer)}, 2 loader workers`, peer: torch }),
    await measure({ ...row, peerName: 'float32', peer: rateOf(found) }),
  ];
}

/** A folder of photos of 12 megapixels, where opening them takes the time: beside PIL, and beside torchvision's own reader of JPEGs. */
export async function folderOfPhones({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const count = Number(process.env['FINCH_BENCH_COUNT'] ?? 200);
  const pictures = await phonePhotos(scratch, count);
  const rows: Row[] = [];
  for (const [job, reader] of [
    ['folder', 'PIL'],
    ['folder-io', 'torchvision.io'],
  ] as const) {
    // prettier-ignore
    rows.push(
      await measure({
        measure: `folder of ${count} of 12 megapixels, efficientnet_lite0`,
        unit: 'pictures/s',
        isRate: true,
        repeats: 3,
        peerName: `${nameOf(peer)}, ${reader}, 2 loader workers`,
        finch: () => count / seconds(process.execPath, [CLASSIFY, pictures, '--format', 'csv']),
        peer: peerSide(peer, 'resnet18', (python) => count / python.seconds(job, 'efficientnet_lite0', pictures)), // prettier-ignore
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
