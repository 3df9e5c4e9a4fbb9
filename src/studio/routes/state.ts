// state.ts: the route of all that the page shows at first.

import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { packageVersion } from '../../util/package.ts';
import type { StudioContext } from './context.ts';

export function addState(app: FastifyInstance, { folder, models, training }: StudioContext): void {
  const version = packageVersion();
  app.get('/api/state', async () => {
    const { listing, root, revision, canUndo } = folder;
    return {
      folder: path.basename(root),
      trouble: await folder.trouble(),
      classes: listing.classes(),
      unlabelled: listing.count('unlabelled'),
      trash: listing.count('trash'),
      revision,
      canUndo,
      models: await models.list(),
      training: training.state,
      version,
    };
  });
}
