// serve.ts: what is measured of serve: requests a second and the spread of their times, by clients that each wait for their answer, beside
// a plain server on the same runtime and one of FastAPI and PyTorch, and one request beside the bare network and the decoding.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { loadRuntime } from '../src/engine/onnx/runtime.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { modelFolder, nameOf, photos, type BenchContext } from './context.ts';
import { measure, median, output, type Row } from './measure.ts';

const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');
const PEERS = path.join('bench', 'peer');
/** ResNet-18 with weights that are made up: what they are does not change the time. */
const MODELS = ['efficientnet_lite0', 'resnet18'] as const;
const CLIENTS = [1, 8, 32];
/** For the spread of times, whose slowest hundredth is looked at. */
const SPREAD_CLIENTS = 8;
/** Of one figure; `FINCH_BENCH_SECONDS` gives another number. */
const SECONDS = Number(process.env['FINCH_BENCH_SECONDS'] ?? 10);
const PICTURES = 50;
/** Of a picture that both networks take, in pixels. */
const SIDE = 224;

interface Server {
  readonly child: ChildProcess;
  readonly base: string;
}

/** Starts a program whose first line is its address. */
async function started(command: string, args: readonly string[]): Promise<Server> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], cwd: PACKAGE_ROOT });
  const [base] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${command} ${args.join(' ')} ended`))),
  ])) as [string];
  return { child, base };
}

/** Times of all requests, in milliseconds, of clients that ask again as soon as they are answered. */
async function load(base: string, clients: number, bodies: readonly Buffer[]): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const end = performance.now() + 1000 * SECONDS;
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < end) {
        const began = performance.now();
        await post(`${base}/v1/classify`, agent, bodies[next++ % bodies.length]!);
        times.push(performance.now() - began);
      }
    }),
  );
  agent.destroy();
  return times;
}

async function post(url: string, agent: Agent, body: Buffer): Promise<void> {
  const asked = request(url, { method: 'POST', agent, headers: { 'content-length': body.length } });
  asked.end(body);
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
}

const rate = async (...args: Parameters<typeof load>) => (await load(...args)).length / SECONDS;

/** How many times the median the slowest hundredth takes at least. */
async function spread(...args: Parameters<typeof load>): Promise<number> {
  const times = (await load(...args)).toSorted((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)]! / median(times);
}

export async function serve(context: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const model of MODELS) rows.push(...(await ofModel(model, context)));
  return rows;
}

async function ofModel(
  model: (typeof MODELS)[number],
  { peer, scratch }: BenchContext,
): Promise<readonly Row[]> {
  const folder = await photos(scratch, PICTURES);
  const bodies = await Promise.all((await readdir(folder)).map((name) => readFile(path.join(folder, name))));
  const source = model === 'resnet18' ? await modelFolder(scratch, model) : model;
  const network = path.join(scratch, `${model}.onnx`);
  output(process.execPath, [FINCH, 'models', 'export', source, '--format', 'onnx', '--out', network]);
  const servers: Server[] = [];
  try {
    const finch = await started(process.execPath, [FINCH, 'serve', '--model', source, '--port', '0']);
    servers.push(finch);
    const plain = await started(process.execPath, [path.join('dist', PEERS, 'plain-server.js'), network]);
    servers.push(plain);
    const torch = await torchServer(model, peer);
    if (torch) servers.push(torch);
    const rows: Row[] = [];
    const plainName = 'plain Fastify, sharp, onnxruntime';
    for (const clients of CLIENTS) {
      const rateOf = ({ base }: Server) => rate(base, clients, bodies);
      const pair = { unit: 'requests/s', isRate: true, repeats: 3, finch: () => rateOf(finch) };
      const name = `serve, ${model}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
      rows.push(
        await measure({ ...pair, measure: name, peerName: plainName, peer: () => rateOf(plain) }),
        await measure({ ...pair, measure: name, peerName: `FastAPI, ${nameOf(peer)}`, peer: torch && (() => rateOf(torch)) }),
      ); // prettier-ignore
    }
    rows.push(
      await measure({
        measure: `serve, ${model}, ${SPREAD_CLIENTS} clients: p99 / p50`,
        unit: 'times',
        repeats: 3,
        peerName: plainName,
        finch: () => spread(finch.base, SPREAD_CLIENTS, bodies),
        peer: () => spread(plain.base, SPREAD_CLIENTS, bodies),
      }),
    );
    const bare = await bareNetwork(network);
    rows.push(
      await measure({
        measure: `serve, ${model}, one request, idle server`,
        unit: 'ms',
        repeats: 3,
        peerName: 'decoding and the bare network, without a server',
        finch: async () => median(await load(finch.base, 1, bodies)),
        peer: async () => median(await bare(bodies)),
      }),
    );
    return rows;
  } finally {
    for (const { child } of servers) child.kill();
  }
}

/** Times of decoding each picture and of one run of the network, in milliseconds; the picture is not resized. */
async function bareNetwork(
  network: string,
): Promise<(bodies: readonly Buffer[]) => Promise<readonly number[]>> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(network);
  const pixels = new Tensor('uint8', new Uint8Array(SIDE * SIDE * 3), [1, SIDE, SIDE, 3]);
  return async (bodies) => {
    const times: number[] = [];
    for (const body of bodies) {
      const began = performance.now();
      await sharp(body).raw().toBuffer();
      await session.run({ [session.inputNames[0]!]: pixels });
      times.push(performance.now() - began);
    }
    return times;
  };
}

/** Absent where the peer has no FastAPI. */
async function torchServer(model: string, peer: BenchContext['peer']): Promise<Server | undefined> {
  if (typeof peer === 'string' || !peer.has(model)) return undefined;
  if (spawnSync(peer.python, ['-c', 'import fastapi, uvicorn']).status !== 0) return undefined;
  return started(peer.python, [path.join(PEERS, 'torch_server.py'), model]);
}
