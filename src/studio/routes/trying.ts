// trying.ts: the route of a picture that is tried: what a model says of it, why, and which pictures of the folder are like it.

import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { checked } from '../../http/checked.ts';
import { AppError, type ErrorCode } from '../../util/errors.ts';
import { bytesOf } from '../bodies.ts';
import { withClass } from '../folder/listing.ts';
import type { StudioContext } from './context.ts';

const TRY_QUERY = z.object({
  model: z.string().min(1).max(255).optional(),
  /** A picture of the folder; else the body is one. */
  id: z.string().max(4096).optional(),
  /** `0`: without the heat map, which takes longer than the answer. */
  explain: z.enum(['0', '1']).default('1'),
});

export function addTrying(app: FastifyInstance, { folder, models, trying }: StudioContext): void {
  app.post('/api/try', async (request) => {
    const { model, id, explain } = checked(TRY_QUERY, request.query, 'the query');
    const name = model ?? (await models.list())[0]!.name;
    const bytes = id === undefined ? bytesOf(request) : await readFile(await folder.fileOf(id));
    const { row, heat, neighbours } = await trying.try(await models.resolve(name), bytes, explain === '1');
    if ('error' in row) throw new AppError(row.error.code as ErrorCode, row.error.message);
    return {
      model: name,
      predictions: row.predictions,
      ...(row.unknown && { unknown: true }),
      ...(heat && { heat: `data:image/png;base64,${heat.toString('base64')}` }),
      neighbours: neighbours
        .filter((near) => near.id !== id)
        .map((near) => ({ ...near, ...withClass(near.id) })),
    };
  });
}
