// app.ts: an HTTP server as finch's commands start it: its times and limits, its log, its address, and what is no HTTP at all.

import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { fastify, LogController, type FastifyInstance } from 'fastify';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { problemOf, sendProblem } from './problem.ts';

/** A whole request, its body included, has to arrive in this time, and its headers in a part of it; in milliseconds. */
const RECEIVE_MS = 60_000;
const HEADERS_MS = 15_000;
/** How often connections are looked at for this. */
const CHECK_MS = 5000;
/** An idle connection is closed after this; longer than the 60 s of usual proxies, which would else write into a closed one. */
const KEEP_ALIVE_MS = 72_000;
/**
 * New connections that wait to be accepted; the system may hold fewer (`net.core.somaxconn`). Node accepts one in each turn of its loop,
 * and its own 511 are full within seconds where thousands connect while pictures are classified: good requests fail then.
 */
const BACKLOG = 4096;
/** Names of models in a path: those of several models are long. */
const MAX_PARAM = 400;

export interface AppOptions {
  /** Where the log goes, a line of JSON for each event. */
  readonly log: Writable;
  /** Of one body, in bytes. */
  readonly maxBodyBytes: number;
}

export function createApp({ log, maxBodyBytes }: AppOptions): FastifyInstance {
  return fastify({
    logger: { level: 'info', stream: log, base: null },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    requestTimeout: RECEIVE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS },
    routerOptions: { maxParamLength: MAX_PARAM },
    // Paths that are none, or too long, come to no route and to no hook.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler,
  });
}

/** One line for each request, without its query: names of files and the like may be in it. */
export function addLog(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ log, method, url }, { statusCode, elapsedTime }) => {
    const path = url.split('?', 1)[0]!.slice(0, 2 * MAX_PARAM);
    log.info({ method, path, status: statusCode, ms: Math.round(elapsedTime * 10) / 10 }, 'request');
  });
}

export interface Place {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Returns where it listens: `http://127.0.0.1:8080`. @throws AppError USAGE where the address cannot be had */
export async function listen(app: FastifyInstance, { host, port }: Place): Promise<string> {
  try {
    await app.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    const problem = LISTEN_PROBLEMS[systemCode(error) ?? ''] ?? messageOf(error);
    throw new AppError('USAGE', `cannot listen on ${host}, --port ${port}: ${problem}`, { cause: error });
  }
  const found = app.server.address() as AddressInfo;
  const name = found.family === 'IPv6' ? `[${found.address}]` : found.address;
  return `http://${name}:${found.port}`;
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; choose another port, or --port 0 for any',
  EACCES: 'that is not permitted; ports below 1024 need rights, choose a higher one',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such name',
};

/** Node's own codes of requests that it gives up. */
const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: [431, 'the headers of the request are too long'],
};

/** What is no HTTP at all, or does not end. */
function clientErrorHandler(error: Error, socket: Socket): void {
  if (systemCode(error) === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [statusCode, message] = CLIENT_ERRORS[systemCode(error) ?? ''] ?? [400, 'the request is no HTTP that is understood']; // prettier-ignore
  const body = JSON.stringify(problemOf({ statusCode, message }));
  socket.end(
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
