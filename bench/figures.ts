// figures.ts: what is measured: cold start, the networks alone, folders end to end, help, memory. One function a name.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { writeModelFolder } from '../src/artefact/model-folder.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { findArchitecture, findRecord } from '../src/zoo/registry.ts';
import { HALF, madeUpWeights } from '../test/helpers/made-up-model.ts';
import { measure, median, seconds, type Row } from './measure.ts';
import type { Peer } from './peer.ts';
import { forwardTfjs, trainingTfjs } from './tfjs.ts';

const CLASSIFY = path.join(PACKAGE_ROOT, 'bin', 'classify.js');
const BOOK = path.join(PACKAGE_ROOT, 'examples', 'book.png');
/** Real photos, where a checkout has them beside it; otherwise the example stands in for them. */
const PHOTOS = path.join(PACKAGE_ROOT, '..', 'shared', 'data', 'imagenet-sample');

export interface BenchContext {
  readonly peer: Peer | string;
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

type Bench = (context: BenchContext) => Promise<readonly Row[]>;

export const FIGURES = {
  help,
  cold,
  forward,
  folder,
  memory,
  'forward-tfjs': forwardTfjs,
  'training-tfjs': trainingTfjs,
} as const satisfies Record<string, Bench>;

const nameOf = (peer: Peer | string) => (typeof peer === 'string' ? peer : peer.name);

/** The peer's side of a pair, if the peer is there and has the model. */
function peerSide<T>(peer: Peer | string, model: string, side: (peer: Peer) => T): (() => T) | undefined {
  return typeof peer === 'string' || !peer.has(model) ? undefined : () => side(peer);
}

async function help(): Promise<readonly Row[]> {
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

/** A model of the zoo with made-up weights, in a folder. */
async function modelFolder(scratch: string, architecture: string): Promise<string> {
  const folder = path.join(scratch, architecture);
  if (existsSync(folder)) return folder;
  const { build, classifier } = findArchitecture(architecture);
  const graph = build(1000);
  const { preprocessing } = findRecord(architecture)!;
  const model = {
    name: architecture,
    graph,
    weights: madeUpWeights(graph),
    preprocessing,
    labels: { set: 'imagenet' },
    architecture,
    classifier,
  } as const;
  await writeModelFolder(folder, model, { dtype: 'float32' });
  return folder;
}

/** One picture, whole process. */
async function cold({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
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
async function forward({ peer }: BenchContext): Promise<readonly Row[]> {
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

/** `count` links to real photos, or to the example. */
async function photos(scratch: string, count: number): Promise<string> {
  const target = path.join(scratch, `photos-${count}`);
  if (existsSync(target)) return target;
  await mkdir(target);
  const real = existsSync(PHOTOS) ? (await readdir(PHOTOS)).filter((name) => /\.jpe?g$/i.test(name)) : [];
  const sources = real.length > 0 ? real.map((name) => path.join(PHOTOS, name)) : [BOOK];
  for (let i = 0; i < count; i++) {
    const source = sources[i % sources.length]!;
    await symlink(source, path.join(target, `${String(i).padStart(6, '0')}${path.extname(source)}`));
  }
  return target;
}

/** A folder of 1,000 pictures: whole processes, start to end, both sides. */
async function folder({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
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
async function memory({ scratch }: BenchContext): Promise<readonly Row[]> {
  const pictures = await photos(scratch, 10_000);
  const child = spawn(process.execPath, [CLASSIFY, pictures, '--format', 'ndjson', '--topk', '1']);
  let lines = 0;
  let early = 0;
  let latest = 0;
  const resident = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  };
  const look = async () => {
    const now = await resident();
    if (lines <= 500) early = Math.max(early, now);
    else latest = Math.max(latest, now);
  };
  const timer = setInterval(() => void look(), 50);
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) lines += Number(byte === 10);
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  if (early === 0)
    return [
      { measure: 'memory', unit: 'MiB', finch: null, peer: null, ratio: null, peerName: 'needs /proc' },
    ];
  return [
    {
      measure: 'memory, at most in the first 500 pictures',
      unit: 'MiB',
      finch: early,
      peer: null,
      ratio: null,
      peerName: '',
    },
    {
      measure: 'memory, growth from there to 10,000',
      unit: 'MiB',
      finch: latest - early,
      peer: null,
      ratio: null,
      peerName: 'bar: 100 MB',
    },
  ];
}

export async function withScratch<T>(use: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'finch-bench-'));
  try {
    return await use(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export function machine(): string {
  return `node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores`;
}
