// served.ts: finch serve in this process, on any free port, and requests that fetch cannot make.

import { request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { Writable } from 'node:stream';
import { serveConfig, type ServeFlags } from '../../src/config/serve.ts';
import { startServer } from '../../src/serve/server.ts';

export interface Served {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  /** What was logged so far, a line an event. */
  readonly log: () => string;
  close(): Promise<void>;
}

/** @param flags beside the models; as the command line gives them */
export async function startServed(
  model: string | readonly string[],
  flags: Partial<ServeFlags> = {},
): Promise<Served> {
  const lines: string[] = [];
  const log = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const usual = { host: '127.0.0.1', port: '0', maxDelay: '0', queue: '128', timeout: '30', maxBody: '32', exif: true }; // prettier-ignore
  const config = serveConfig({ ...usual, ...flags, model: [model].flat() }, {});
  const server = await startServer(config, { log });
  return { base: server.address, log: () => lines.join(''), close: () => server.close() };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request with any headers and any path. */
export function ask(
  base: string,
  path: string,
  { body, ...options }: RequestOptions & { readonly body?: string | Uint8Array } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Posts bytes as they are. */
export const post = (base: string, path: string, body: string | Uint8Array, headers = {}) =>
  fetch(base + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers,
  });

/** The status and code of a problem document. */
export async function problemOf(response: Response): Promise<readonly [status: number, code: string]> {
  const problem = (await response.json()) as { readonly status: number; readonly code: string };
  return [problem.status, problem.code];
}

/** Far beyond what anything takes on a busy machine. */
const PATIENCE_MS = 120_000;

/** Asks until the answer is yes. @throws when it stays no */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`still not so after ${PATIENCE_MS} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
