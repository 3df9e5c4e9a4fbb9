// server.ts: the HTTP server: opens the models, connects what checks, admits and answers requests, and stops in order.

import type { Writable } from 'node:stream';
import multipart from '@fastify/multipart';
import { LiveSearch } from '../api/live-search.ts';
import { workOf } from '../api/work.ts';
import type { ServeConfig } from '../config/serve.ts';
import { addLog, createApp, listen } from '../http/app.ts';
import { HttpProblem, sendProblem } from '../http/problem.ts';
import { startPreparer, type Preparer } from '../images/preparer.ts';
import { threadsOfLimit } from '../util/memory-limit.ts';
import { Admission } from './admission.ts';
import { Bodies } from './bodies.ts';
import { addMetrics, createMetrics } from './metrics.ts';
import { ServedModels } from './models.ts';
import type { RouteContext } from './routes/context.ts';
import { addHealth } from './routes/health.ts';
import { addOpenapi } from './routes/openapi.ts';
import { addV1 } from './routes/v1.ts';
import { addV2 } from './routes/v2.ts';
import { addSecurity } from './security.ts';

/** Files of a form; its other fields, which nothing reads, and the bytes of one. */
const MAX_FILES = 1000;
const MAX_FIELDS = 100;
const MAX_FIELD_BYTES = 1000;
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
  const app = createApp({ log, maxBodyBytes: config.maxBodyBytes });
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
    app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
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
  await Promise.all(Array.from({ length: threadsOfLimit() }, () => preparer.prepare(picture, options)));
}
