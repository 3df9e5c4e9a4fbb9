// server.ts: the HTTP server: opens the models, connects what checks, admits and answers requests, and stops in order.

import type { AddressInfo, Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Writable } from 'node:stream';
import multipart from '@fastify/multipart';
import { fastify, LogController, type FastifyInstance } from 'fastify';
import { LiveSearch } from '../api/live-search.ts';
import { workOf } from '../api/work.ts';
import type { ServeConfig } from '../config/serve.ts';
import { startPreparer, type Preparer } from '../images/preparer.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { Admission } from './admission.ts';
import { Bodies } from './bodies.ts';
import { addMetrics, createMetrics } from './metrics.ts';
import { ServedModels } from './models.ts';
import { HttpProblem, problemOf, sendProblem } from './problem.ts';
import type { RouteContext } from './routes/context.ts';
import { addHealth } from './routes/health.ts';
import { addOpenapi } from './routes/openapi.ts';
import { addV1 } from './routes/v1.ts';
import { addV2 } from './routes/v2.ts';
import { addSecurity } from './security.ts';

/** A whole request, its body included, has to arrive in this time, and its headers in a part of it; in milliseconds. */
const RECEIVE_MS = 60_000;
const HEADERS_MS = 15_000;
/** How often connections are looked at for this. */
const CHECK_MS = 5000;
/** An idle connection is closed after this; longer than the 60 s of usual proxies, which would else write into a closed one. */
const KEEP_ALIVE_MS = 72_000;
/** Files of a form; its other fields, which nothing reads, and the bytes of one. */
const MAX_FILES = 1000;
const MAX_FIELDS = 100;
const MAX_FIELD_BYTES = 1000;
/** Names of models in a path: those of several models are long. */
const MAX_PARAM = 400;

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  /** Takes no new requests, answers those that are under way, and frees everything. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Where the log goes, a line of JSON for each event. */
  readonly log: Writable;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

/** @throws AppError for models that are missing or wrong; USAGE where the address cannot be had */
export async function startServer(
  config: ServeConfig,
  { log, signal }: ServerOptions,
): Promise<RunningServer> {
  const app = fastify({
    logger: { level: 'info', stream: log, base: null },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.maxBodyBytes,
    requestTimeout: RECEIVE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS },
    routerOptions: { maxParamLength: MAX_PARAM },
    clientErrorHandler,
  });
  const work = workOf({ signal, onNote: (text) => app.log.info(text) });
  const preparer = startPreparer();
  const metrics = createMetrics();
  const { inference, classes, maxDelay } = config;
  const served = config.models.map(({ name, model }) => ({
    ...(name !== undefined && { name }),
    config: { ...inference, model, maxDelay, ...(classes && { classes }) },
  }));
  let models: ServedModels | undefined;
  let search: LiveSearch | undefined;
  let isStopping = false;
  const free = async () => {
    await models?.close();
    await search?.close();
    await preparer.dispose();
    metrics.registry.clear();
  };
  try {
    models = await ServedModels.open(served, { preparer, onBatch: metrics.onBatch }, work);
    await warm(preparer);
    search = config.index && (await LiveSearch.open(config.index, { preparer, maxDelay }, work));
    const admission = new Admission(config);
    const bodies = new Bodies(admission, config.maxBodyBytes);
    const context: RouteContext = { models, admission, bodies, search, isStopping: () => isStopping };
    admission.addTo(app);
    addLog(app);
    addSecurity(app, config);
    addMetrics(app, metrics, { admission, models, queue: config.queue });
    bodies.addTo(app);
    await app.register(multipart, {
      limits: {
        fileSize: config.maxBodyBytes,
        files: MAX_FILES,
        fields: MAX_FIELDS,
        fieldSize: MAX_FIELD_BYTES,
        parts: MAX_FILES + MAX_FIELDS,
      },
    });
    app.setErrorHandler(sendProblem);
    app.setNotFoundHandler((request, reply) => {
      sendProblem(new HttpProblem('NOT_FOUND', 'there is no such route; see /docs'), request, reply);
    });
    addV1(app, context);
    addV2(app, context);
    addHealth(app, context, metrics.registry);
    addOpenapi(app);
    const address = await listen(app, config);
    models.watch();
    return {
      address,
      async close() {
        isStopping = true;
        // Whoever does not send or take its bytes by then is cut off.
        const cut = setTimeout(() => app.server.closeAllConnections(), config.timeout);
        await app.close();
        clearTimeout(cut);
        await free();
      },
    };
  } catch (error) {
    await app.close();
    await free();
    throw error;
  }
}

/** A GIF of one pixel. */
const SMALLEST = Buffer.from('R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=', 'base64');

/** Starts all threads, so that no request waits for one. */
async function warm(preparer: Preparer): Promise<void> {
  const picture = { file: '', content: { bytes: SMALLEST } };
  const options = { decode: {}, preprocessings: [], keepOriginal: false };
  await Promise.all(Array.from({ length: availableParallelism() }, () => preparer.prepare(picture, options)));
}

/** One line for each request, without its query: names of files and the like may be in it. */
function addLog(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ log, method, url }, { statusCode, elapsedTime }) => {
    const path = url.split('?', 1)[0]!.slice(0, 2 * MAX_PARAM);
    log.info({ method, path, status: statusCode, ms: Math.round(elapsedTime * 10) / 10 }, 'request');
  });
}

async function listen(app: FastifyInstance, { host, port }: ServeConfig): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const problem = LISTEN_PROBLEMS[systemCode(error) ?? ''] ?? messageOf(error);
    throw new AppError('USAGE', `cannot listen on --host ${host} --port ${port}: ${problem}`, {
      cause: error,
    });
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

/** What is no HTTP at all. */
function clientErrorHandler(error: Error, socket: Socket): void {
  if (systemCode(error) === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const body = JSON.stringify(
    problemOf({ statusCode: 400, message: 'the request is no HTTP that is understood' }),
  );
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
