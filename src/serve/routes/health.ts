// health.ts: whether the server lives, whether it is ready, and what it has counted.

import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { RouteContext } from './context.ts';

export function addHealth(
  app: FastifyInstance,
  { models, isStopping }: RouteContext,
  registry: Registry,
): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const isReady = models.isReady && !isStopping();
    return reply.status(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready' });
  });
  app.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await registry.metrics()));
}
