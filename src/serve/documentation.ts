// documentation.ts: what the server can be asked, as an OpenAPI 3.1 document: one table of routes, and the schemas that check them.

import * as z from 'zod';
import { packageVersion } from '../util/package.ts';
import * as schemas from './schemas.ts';

export interface DocumentedRoute {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  /** Media types, each with what the body is. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  readonly answer: z.ZodType;
}

const TEXT = z.string();
const NOTHING = z.unknown();
const FILE = z.string().meta({ format: 'binary' });

/** A picture, as itself, in a form or in JSON. */
const PICTURES = {
  'image/*': FILE,
  'multipart/form-data': z.object({ file: z.array(FILE) }),
  'application/json': schemas.IMAGES_BODY,
};

const STATUS = z.object({ status: TEXT });

export const ROUTES: readonly DocumentedRoute[] = [
  {
    method: 'post',
    path: '/v1/classify',
    summary: 'The classes of a picture; of several pictures, a list with a row for each.',
    query: schemas.CLASSIFY_QUERY,
    body: PICTURES,
    answer: schemas.CLASSIFIED,
  },
  {
    method: 'post',
    path: '/v1/features',
    summary: "The picture's features: what goes into the classifier.",
    query: schemas.FEATURES_QUERY,
    body: PICTURES,
    answer: schemas.FEATURES,
  },
  {
    method: 'post',
    path: '/v1/search',
    summary: 'The pictures of --index that are nearest to a picture.',
    query: schemas.SEARCH_QUERY,
    body: PICTURES,
    answer: schemas.FOUND,
  },
  {
    method: 'get',
    path: '/v1/models',
    summary: 'The models, and whether they are loaded.',
    answer: schemas.MODELS,
  },
  { method: 'get', path: '/healthz', summary: 'Whether the server lives.', answer: STATUS },
  {
    method: 'get',
    path: '/readyz',
    summary: 'Whether it takes requests: no model is being loaded, and it is not stopping.',
    answer: STATUS,
  },
  { method: 'get', path: '/metrics', summary: 'Counters for Prometheus.', answer: TEXT },
  { method: 'get', path: '/v2', summary: 'KServe v2: the server.', answer: NOTHING },
  { method: 'get', path: '/v2/health/live', summary: 'KServe v2: whether it lives.', answer: NOTHING },
  { method: 'get', path: '/v2/health/ready', summary: 'KServe v2: whether it is ready.', answer: NOTHING },
  {
    method: 'get',
    path: '/v2/models/{model}',
    summary: 'KServe v2: inputs and outputs of a model.',
    answer: NOTHING,
  },
  {
    method: 'get',
    path: '/v2/models/{model}/ready',
    summary: 'KServe v2: whether a model is loaded.',
    answer: NOTHING,
  },
  {
    method: 'post',
    path: '/v2/models/{model}/infer',
    summary:
      'KServe v2: probabilities of encoded pictures (BYTES), pixels (UINT8) or normalised numbers (FP32).',
    body: { 'application/json': schemas.INFER_REQUEST, 'application/octet-stream': FILE },
    answer: schemas.INFER_RESPONSE,
  },
  { method: 'post', path: '/v2/repository/index', summary: 'Which models are loaded.', answer: NOTHING },
  {
    method: 'post',
    path: '/v2/repository/models/{model}/load',
    summary: 'Loads a model again.',
    answer: NOTHING,
  },
  {
    method: 'post',
    path: '/v2/repository/models/{model}/unload',
    summary: 'Lets a model go.',
    answer: NOTHING,
  },
];

type Json = Readonly<Record<string, unknown>>;

/** A schema of JSON without its own heading: it stands inside another document. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

export function documentation(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of ROUTES) (paths[route.path] ??= {})[route.method] = operationOf(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'finch',
      version: packageVersion(),
      description: 'Classifies pictures. Errors are problem documents (RFC 9457) with a code.',
    },
    paths,
    components: {
      schemas: { Problem: schemaOf(schemas.PROBLEM) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ token: [] }, {}],
  };
}

function operationOf({ method, path, summary, query, body, answer }: DocumentedRoute): Json {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name!);
  return {
    summary,
    operationId: `${method}${path.replace(/[{}]/g, '').replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...queryOf(query),
    ],
    ...(body && {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          Object.entries(body).map(([type, schema]) => [type, { schema: schemaOf(schema, 'input') }]),
        ),
      },
    }),
    responses: {
      '200': {
        description: 'The answer.',
        content: { [answer === TEXT ? 'text/plain' : 'application/json']: { schema: schemaOf(answer) } },
      },
      default: {
        description: 'What was wrong.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

/** The values that may stand behind the question mark. */
export function queryOf(query: z.ZodObject | undefined): readonly Json[] {
  if (!query) return [];
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Readonly<Record<string, Json>> };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: false,
    description,
    schema,
  }));
}
