// changes.ts: the routes that change the folder: moving, throwing away, classes, and all of it taken back.

import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { jsonBody } from '../bodies.ts';
import type { Changed } from '../folder/carry-out.ts';
import type { StudioContext } from './context.ts';

/** Pictures in one change. */
const MAX_IDS = 10_000;

const text = z.string().min(1).max(4096);
const ids = z.array(text).max(MAX_IDS);

const MOVE = z.object({ ids, class: text.nullable() });
const TRASH = z.object({ ids });
const CLASS = z.object({ name: text });
const RENAME = z.object({ from: text, to: text, merge: z.boolean().default(false) });

export function addChanges(app: FastifyInstance, { folder }: StudioContext): void {
  const answer = ({ moved, failed }: Changed) => ({ moved, failed, revision: folder.revision });

  app.post('/api/move', async (request) => {
    const { ids, class: to } = jsonBody(request, MOVE);
    return answer(await folder.move(ids, to));
  });

  app.post('/api/trash', async (request) => answer(await folder.discard(jsonBody(request, TRASH).ids)));

  app.post('/api/classes', async (request) => answer(await folder.makeClass(jsonBody(request, CLASS).name)));

  app.post('/api/classes/rename', async (request) =>
    answer(await folder.renameClass(jsonBody(request, RENAME))),
  );

  app.post('/api/classes/remove', async (request) =>
    answer(await folder.removeClass(jsonBody(request, CLASS).name)),
  );

  app.post('/api/undo', async () => {
    const { undone, failed } = await folder.undo();
    return { undone, failed, revision: folder.revision };
  });
}
