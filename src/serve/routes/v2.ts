// v2.ts: the v2 inference protocol of KServe and Triton: health, descriptions, inference, and which models are loaded.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { LiveModel } from '../../api/live.ts';
import { HttpProblem } from '../../http/problem.ts';
import { AppError } from '../../util/errors.ts';
import { packageVersion } from '../../util/package.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { bytesOf } from '../bodies.ts';
import {
  HEADER_LENGTH,
  OUTPUT,
  readInferRequest,
  VERSION,
  writeInferResponse,
  type TensorInput,
} from '../tensors.ts';
import type { RouteContext } from './context.ts';

type Named = { Params: { model: string; version?: string } };

export function addV2(app: FastifyInstance, context: RouteContext): void {
  const { models, isStopping } = context;
  const health = (isGood: boolean, reply: FastifyReply) => reply.status(isGood ? 200 : 503).send();

  app.get('/v2', async () => ({
    name: 'finch',
    version: packageVersion(),
    extensions: ['binary_tensor_data', 'model_repository'],
  }));
  app.get('/v2/health/live', async (_, reply) => health(true, reply));
  app.get('/v2/health/ready', async (_, reply) => health(models.isReady && !isStopping(), reply));

  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get<Named>(path, async ({ params }) => describe(named(params), context));
    app.get<Named>(`${path}/ready`, async ({ params }, reply) =>
      health(models.stateOf(named(params)) === 'ready', reply),
    );
    app.post<Named>(`${path}/infer`, async (request, reply) => {
      const { body, headerLength } = await infer(named(request.params), request, context);
      if (headerLength === undefined) return reply.type('application/json').send(body);
      return reply.type('application/octet-stream').header(HEADER_LENGTH, headerLength).send(body);
    });
  }

  app.post('/v2/repository/index', async () =>
    models.names.map((name) => {
      const state = models.stateOf(name) === 'ready' ? 'READY' : 'UNAVAILABLE';
      return { name, version: VERSION, state };
    }),
  );
  app.post<Named>('/v2/repository/models/:model/load', async ({ params }, reply) => {
    await models.load(params.model);
    return reply.send();
  });
  app.post<Named>('/v2/repository/models/:model/unload', async ({ params }, reply) => {
    await models.unload(params.model);
    return reply.send();
  });
}

/** @throws AppError MODEL_NOT_FOUND for a version that is not there */
function named({ model, version = VERSION }: Named['Params']): string {
  if (version === VERSION) return model;
  throw new AppError('MODEL_NOT_FOUND', `the only version is ${VERSION}`);
}

function describe(name: string, { models }: RouteContext) {
  const live = models.peek(name);
  if (!live) throw new HttpProblem('MODEL_UNLOADED', `${name} is not loaded`);
  const { inputSize, classes } = live.info;
  const tensor = [-1, ...sidesOf(inputSize), 3];
  return {
    name,
    versions: [VERSION],
    platform: 'finch',
    // One of these is given in a request.
    inputs: [
      { name: 'image', datatype: 'BYTES', shape: [-1] },
      ...(live.tensors.has('pixels') ? [{ name: 'pixels', datatype: 'UINT8', shape: tensor }] : []),
      ...(live.tensors.has('numbers') ? [{ name: 'normalized', datatype: 'FP32', shape: tensor }] : []),
    ],
    outputs: [{ name: OUTPUT, datatype: 'FP32', shape: [-1, classes] }],
  };
}

async function infer(name: string, request: FastifyRequest, { models, admission }: RouteContext) {
  const body = bytesOf(request);
  const headerLength = request.headers[HEADER_LENGTH]?.toString();
  return models.use(name, async (live) => {
    const { request: asked, input } = readInferRequest(body, headerLength, sidesOf(live.info.inputSize));
    const rows = await admission.admit(request, input.pictures.length, (signal) =>
      Promise.all(probabilities(live, input, signal)),
    );
    return writeInferResponse(asked, { model: name, rows });
  });
}

function probabilities(
  live: LiveModel,
  { kind, pictures }: TensorInput,
  signal: AbortSignal,
): readonly Promise<Float64Array>[] {
  return kind === 'BYTES'
    ? pictures.map((bytes) => live.probabilitiesOfPicture(bytes, signal))
    : pictures.map((tensor) => live.probabilitiesOfTensor(tensor, signal));
}
