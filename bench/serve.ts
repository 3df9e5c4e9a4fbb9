// serve.ts: what is measured of serve: requests a second and the spread of their times, by clients that each wait for their answer, beside
// a plain server on the same runtime and one of FastAPI and PyTorch.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { nameOf, photos, type BenchContext } from './context.ts';
import { measure, median, output, type Row } from './measure.ts';

const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');
const PEERS = path.join('bench', 'peer');
const MODEL = 'efficientnet_lite0';
const CLIENTS = [1, 8, 32];
/** For the spread of times, whose slowest hundredth is looked at. */
const SPREAD_CLIENTS = 8;
/** Of one figure; `FINCH_BENCH_SECONDS` gives another number. */
const SECONDS = Number(process.env['FINCH_BENCH_SECONDS'] ?? 10);
const PICTURES = 50;

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

export async function serve({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const folder = await photos(scratch, PICTURES);
  const bodies = await Promise.all((await readdir(folder)).map((name) => readFile(path.join(folder, name))));
  const network = path.join(scratch, `${MODEL}.onnx`);
  output(process.execPath, [FINCH, 'models', 'export', MODEL, '--format', 'onnx', '--out', network]);
  const servers: Server[] = [];
  try {
    const finch = await started(process.execPath, [FINCH, 'serve', '--model', MODEL, '--port', '0']);
    servers.push(finch);
    const plain = await started(process.execPath, [path.join('dist', PEERS, 'plain-server.js'), network]);
    servers.push(plain);
    const torch = await torchServer(peer);
    if (torch) servers.push(torch);
    const rows: Row[] = [];
    for (const clients of CLIENTS) {
      const rateOf = ({ base }: Server) => rate(base, clients, bodies);
      const pair = { unit: 'requests/s', isRate: true, repeats: 3, finch: () => rateOf(finch) };
      const name = `serve, ${MODEL}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
      rows.push(
        await measure({ ...pair, measure: name, peerName: 'plain Fastify, sharp, onnxruntime', peer: () => rateOf(plain) }),
        await measure({ ...pair, measure: name, peerName: `FastAPI, ${nameOf(peer)}`, peer: torch && (() => rateOf(torch)) }),
      ); // prettier-ignore
    }
    rows.push(
      await measure({
        measure: `serve, ${MODEL}, ${SPREAD_CLIENTS} clients: p99 / p50`,
        unit: 'times',
        repeats: 3,
        peerName: 'plain Fastify, sharp, onnxruntime',
        finch: () => spread(finch.base, SPREAD_CLIENTS, bodies),
        peer: () => spread(plain.base, SPREAD_CLIENTS, bodies),
      }),
    );
    return rows;
  } finally {
    for (const { child } of servers) child.kill();
  }
}

/** Absent where the peer has no FastAPI. */
async function torchServer(peer: BenchContext['peer']): Promise<Server | undefined> {
  if (typeof peer === 'string' || !peer.has(MODEL)) return undefined;
  if (spawnSync(peer.python, ['-c', 'import fastapi, uvicorn']).status !== 0) return undefined;
  return started(peer.python, [path.join(PEERS, 'torch_server.py'), MODEL]);
}
