// bodies.ts: what the body of a request is: bytes of a picture, or JSON of a known form.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { jsonOf } from '../http/checked.ts';
import { AppError } from '../util/errors.ts';

/** Of one request, in bytes: the largest photos. */
export const MAX_BODY_BYTES = 64 * 1024 ** 2;

/** Every body is read whole, as bytes, whatever it says it is: one that is cut never comes to a route. */
export function addBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
}

/** @throws AppError INPUT_EMPTY */
export function bytesOf({ body }: FastifyRequest): Buffer {
  if (Buffer.isBuffer(body) && body.length > 0) return body;
  throw new AppError('INPUT_EMPTY', 'the body is empty; expected a picture');
}

/** @throws AppError USAGE naming the first field that is not as expected */
export function jsonBody<Schema extends z.ZodType>(
  { body }: FastifyRequest,
  schema: Schema,
): z.output<Schema> {
  return jsonOf(Buffer.isBuffer(body) && body.length > 0 ? body : Buffer.from('{}'), schema);
}
