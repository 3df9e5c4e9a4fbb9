// v1.ts: finch's own routes: classes, features and neighbours of pictures, and which models there are.

import type { FastifyInstance } from 'fastify';
import type { ClassifyRow } from '../../report/prediction.ts';
import { AppError, type ErrorCode } from '../../util/errors.ts';
import { checked } from '../../http/checked.ts';
import { HttpProblem } from '../../http/problem.ts';
import { CLASSIFY_QUERY, FEATURES_QUERY, SEARCH_QUERY } from '../schemas.ts';
import type { RouteContext } from './context.ts';

export function addV1(app: FastifyInstance, { models, admission, bodies, search }: RouteContext): void {
  app.post('/v1/classify', async (request) => {
    const { model, topk, labels } = checked(CLASSIFY_QUERY, request.query, 'the query');
    const { pictures, isOne } = await bodies.pictures(request);
    const rows = await admission.admit(request, pictures.length, (signal) =>
      models.use(model, (live) =>
        Promise.all(pictures.map((picture) => live.classify(picture, { topk, languages: labels }, signal))),
      ),
    );
    return isOne ? onlyRow(rows[0]!) : rows;
  });

  app.post('/v1/features', async (request) => {
    const { model, normalize } = checked(FEATURES_QUERY, request.query, 'the query');
    const bytes = await bodies.picture(request);
    const { features, shape } = await admission.admit(request, 1, (signal) =>
      models.use(model, (live) => live.features(bytes, { normalize }, signal)),
    );
    return { shape, features: Array.from(features) };
  });

  app.post('/v1/search', async (request) => {
    const { topk } = checked(SEARCH_QUERY, request.query, 'the query');
    if (!search)
      throw new HttpProblem(
        'NOT_FOUND',
        'there is nothing to search in; start with --index FEATURES.npy or an index',
      );
    const bytes = await bodies.picture(request);
    return {
      results: await admission.admit(request, 1, (signal) => search.nearest(bytes, topk, signal)),
    };
  });

  app.get('/v1/models', async () => ({
    models: models.names.map((name) => {
      const live = models.peek(name);
      const { classes, inputSize, device } = live?.info ?? {};
      return { name, state: models.stateOf(name), classes, inputSize, device };
    }),
  }));
}

/** The only picture's row, without its name; a picture that cannot be read is the request's problem. */
function onlyRow(row: ClassifyRow) {
  if ('error' in row) throw new AppError(row.error.code as ErrorCode, row.error.message);
  const { file: _, ...rest } = row;
  return rest;
}
