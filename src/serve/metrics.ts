// metrics.ts: what the server counts, for Prometheus. One registry for each server.

import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Admission } from './admission.ts';
import type { ServedModels } from './models.ts';

/** In seconds: a picture takes a few hundredths. */
const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128];

export interface Metrics {
  readonly registry: Registry;
  readonly onBatch: (model: string, pictures: number) => void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const batches = new Histogram({
    name: 'finch_batch_pictures',
    help: 'Pictures that were computed together.',
    labelNames: ['model'] as const,
    buckets: BATCHES,
    registers: [registry],
  });
  return { registry, onBatch: (model, pictures) => batches.observe({ model }, pictures) };
}

interface Counted {
  readonly admission: Admission;
  readonly models: ServedModels;
  readonly queue: number;
}

/** Counts requests by the pattern of their route, so that no client can invent a new label. */
export function addMetrics(
  app: FastifyInstance,
  { registry }: Metrics,
  { admission, models, queue }: Counted,
): void {
  const registers = [registry];
  const requests = new Counter({
    name: 'finch_requests_total',
    help: 'Requests that were answered.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'finch_request_seconds',
    help: 'From the first byte of a request to the end of its answer.',
    labelNames: ['route'] as const,
    buckets: SECONDS,
    registers,
  });
  registry.registerMetric(gauge('finch_pictures', 'Pictures that are under way.', () => admission.pictures));
  registry.registerMetric(
    gauge('finch_pictures_limit', 'Pictures that may be under way (--queue).', () => queue),
  );
  registry.registerMetric(
    new Gauge({
      name: 'finch_model_ready',
      help: 'Whether the model is loaded.',
      labelNames: ['model'] as const,
      registers: [],
      collect() {
        for (const model of models.names) this.set({ model }, models.stateOf(model) === 'ready' ? 1 : 0);
      },
    }),
  );
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    const route = routeOptions.url ?? 'none';
    requests.inc({ method, route, status: statusCode });
    seconds.observe({ route }, elapsedTime / 1000);
  });
}

/** A value that is looked up when it is asked for. */
function gauge(name: string, help: string, value: () => number): Gauge {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(value());
    },
  });
}
