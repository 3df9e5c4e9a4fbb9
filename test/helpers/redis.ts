// redis.ts: a Redis server of a test's own, on a free port and in a folder of its own. Where there is none, the test skips.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Why a test that needs a server has to skip; false where it need not. */
export function redisMissing(): string | false {
  const { error } = spawnSync('redis-server', ['--version'], { stdio: 'ignore' });
  return error ? 'redis-server is not installed' : false;
}

export interface RedisServer {
  readonly url: string;
  /** Ends it by force and starts it again on the same port, with what it had written down. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @param folder where it keeps what it writes down. @param flags of redis-server */
export async function startRedis(folder: string, ...flags: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  let child = await started(folder, port, flags);
  const stop = async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await stop();
      child = await started(folder, port, flags);
    },
    stop,
  };
}

async function started(folder: string, port: number, flags: readonly string[]): Promise<ChildProcess> {
  const usual = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const child = spawn('redis-server', [...usual, ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready to accept connections')) resolve();
    });
    child.on('exit', () => reject(new Error(`redis-server ended: ${log}`)));
  });
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
