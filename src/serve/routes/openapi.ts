// openapi.ts: the description of the routes for programs, /openapi.json, and a page of it for people, /docs.

import type { FastifyInstance } from 'fastify';
import { documentationPage } from '../documentation-page.ts';
import { documentation } from '../documentation.ts';

export function addOpenapi(app: FastifyInstance): void {
  app.get('/openapi.json', async () => documentation());
  app.get('/docs', async (_, reply) => reply.type('text/html; charset=utf-8').send(documentationPage()));
}
