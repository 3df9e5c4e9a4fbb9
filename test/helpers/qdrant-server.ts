// qdrant-server.ts: a server that speaks as much of Qdrant's REST as finch asks for, with collections in memory. It is no Qdrant: what that
// takes is known from its documentation and its client's types.

import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { serveLocally } from './local-server.ts';

const POINT = z.strictObject({
  id: z.guid(),
  vector: z.array(z.number()),
  payload: z.strictObject({ name: z.string(), class: z.string().nullable(), sha256: z.string().nullable() }),
});
type Point = z.infer<typeof POINT>;
const NEW = z.strictObject({
  vectors: z.strictObject({ size: z.int().positive(), distance: z.enum(['Cosine', 'Dot']) }),
});
const CHANGE = z.strictObject({ metadata: z.record(z.string(), z.json()) });
const POINTS = z.strictObject({ points: z.array(POINT) });

/** Of a request, as Qdrant has it by default. */
const MAX_BYTES = 32 * 2 ** 20;

interface Collection {
  readonly size: number;
  readonly distance: string;
  readonly points: Map<string, Point>;
  metadata?: Readonly<Record<string, unknown>>;
}

export interface QdrantServer {
  readonly base: string;
  readonly collections: Map<string, Collection>;
  /** Without it every request is refused, where one is set. */
  apiKey: string | undefined;
  /** Whether it is older than 1.16, and ignores metadata. */
  isOld: boolean;
  /** Called after each batch of points. */
  onPoints: () => void;
  close(): void;
}

export async function startQdrant(): Promise<QdrantServer> {
  const local = await serveLocally((request, response) => void answer(request, response));
  const server: QdrantServer = {
    base: local.base,
    collections: new Map(),
    apiKey: undefined,
    isOld: false,
    onPoints: () => {},
    close: () => local.close(),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const [status, result] = answerOf(request, Buffer.concat(body));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status === 200 ? { result, status: 'ok', time: 0 } : { status: { error: result }, time: 0 })); // prettier-ignore
  }

  function answerOf({ method, url, headers }: IncomingMessage, body: Buffer): readonly [number, unknown] {
    if (server.apiKey !== undefined && headers['api-key'] !== server.apiKey) return [403, 'forbidden'];
    if (body.length > MAX_BYTES) return [413, 'too large'];
    const [, name, rest] =
      /^\/collections\/([\w.-]+)(\/exists|\/points\?wait=true|\/points\/count)?$/.exec(url!) ?? [];
    if (name === undefined) return [404, 'no such route'];
    const collection = server.collections.get(name);
    const json: unknown = body.length > 0 ? JSON.parse(body.toString()) : undefined;
    if (method === 'GET' && rest === '/exists') return [200, { exists: collection !== undefined }];
    if (method === 'PUT' && rest === undefined) {
      server.collections.set(name, { ...NEW.parse(json).vectors, points: new Map() });
      return [200, true];
    }
    if (!collection) return [404, `Not found: Collection \`${name}\` doesn't exist!`];
    const { size, distance, points, metadata } = collection;
    if (method === 'GET') return [200, { config: { params: { vectors: { size, distance } }, ...(metadata && { metadata }) } }]; // prettier-ignore
    if (method === 'POST' && rest === '/points/count') return [200, { count: points.size }];
    if (method === 'PATCH') {
      if (!server.isOld) collection.metadata = { ...metadata, ...CHANGE.parse(json).metadata };
      return [200, true];
    }
    for (const point of POINTS.parse(json).points) {
      if (point.vector.length !== size) return [400, `Wrong input: Vector dimension error: expected dim: ${size}, got ${point.vector.length}`]; // prettier-ignore
      points.set(point.id, point);
    }
    server.onPoints();
    return [200, { operation_id: 0, status: 'completed' }];
  }

  return server;
}
