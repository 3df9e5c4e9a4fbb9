// training.ts: the routes of runs: begun, stopped, gone on with, and what they found.

import path from 'node:path';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { runDetails } from '../../api/run-details.ts';
import { DEFAULT_MODEL } from '../../config/default-model.ts';
import { checked } from '../../http/checked.ts';
import { HttpProblem } from '../../http/problem.ts';
import { jsonBody } from '../bodies.ts';
import type { StudioContext } from './context.ts';

const name = z.string().min(1).max(255);

/** The limits are those of finetune's flags, or below. */
const TRAIN = z.object({
  model: name.default(DEFAULT_MODEL),
  epochs: z.int().min(0).max(10_000).optional(),
  minutes: z.number().positive().max(10_000).optional(),
  seed: z.int().min(0).max(2 ** 32 - 1).optional(),
}); // prettier-ignore
const RESUME = z.object({ run: name });
const RUN = z.object({ name });

/** Mistakes in one answer. */
const MAX_ERRORS = 1000;

export function addTraining(app: FastifyInstance, { training, models }: StudioContext): void {
  app.post('/api/train', async (request) => {
    const { model, epochs, minutes, seed } = jsonBody(request, TRAIN);
    return training.start({
      model: await models.resolve(model),
      name: model.replace(/-\d+$/, ''),
      ...(epochs !== undefined && { epochs }),
      ...(minutes !== undefined && { minutes }),
      ...(seed !== undefined && { seed }),
    });
  });

  app.post('/api/train/stop', async () => training.stop());

  app.post('/api/train/resume', async (request) => {
    const { run } = jsonBody(request, RESUME);
    await models.runFolder(run);
    return training.resume(run);
  });

  app.get('/api/runs', async () => {
    const underWay = training.runUnderWay;
    return (await models.runs()).map((run) => (run.name === underWay ? { ...run, state: 'running' } : run));
  });

  app.get('/api/runs/:name', async (request) => {
    const { name } = checked(RUN, request.params, 'the path');
    const { errors, ...rest } = await runDetails(await models.runFolder(name));
    return {
      ...rest,
      errors: errors.slice(0, MAX_ERRORS).map(({ file, ...error }) => ({ id: file, ...error })),
    };
  });

  app.get('/api/runs/:name/report.html', async (request, reply) => {
    const { name } = checked(RUN, request.params, 'the path');
    const report = await readFile(path.join(await models.runFolder(name), 'report.html')).catch(() => {
      throw new HttpProblem('NOT_FOUND', 'the run has no report yet');
    });
    // Its scripts and styles are its own: it is opened outside of this address.
    const file = `attachment; filename*=UTF-8''${encodeURIComponent(`${name}.html`)}`;
    return reply.header('content-disposition', file).type('text/html; charset=utf-8').send(report);
  });
}
