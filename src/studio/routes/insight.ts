// insight.ts: the routes of what was found out about the folder.

import type { FastifyInstance } from 'fastify';
import type { StudioContext } from './context.ts';

export function addInsight(app: FastifyInstance, { insight }: StudioContext): void {
  app.post('/api/inspect', async (_, reply) => {
    insight.inspect();
    return reply.status(202).send(insight.findings);
  });

  app.get('/api/inspect', async () => insight.findings);
}
