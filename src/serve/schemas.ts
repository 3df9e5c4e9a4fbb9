// schemas.ts: what requests and answers look like, as zod schemas: requests are checked by them, and /openapi.json is made of all.

import * as z from 'zod';

const LANGUAGES = ['en', 'zh'] as const;
const MAX_NEIGHBOURS = 10_000;
const name = z.string().max(400);

/** Query values are text. */
const wholeNumber = (max?: number) => {
  const number = z.coerce.number<string>().int().min(1);
  return max === undefined ? number : number.max(max);
};

const MODEL = name.describe('a name of /v1/models; the first one by default').optional();

export const CLASSIFY_QUERY = z.strictObject({
  topk: wholeNumber().describe('how many classes; 3 by default').optional(),
  model: MODEL,
  labels: z
    .enum(['en', 'zh', 'en,zh', 'zh,en'])
    .describe('languages of the class names; en,zh by default')
    .default('en,zh')
    .transform((text) => text.split(',') as (typeof LANGUAGES)[number][]),
});

export const FEATURES_QUERY = z.strictObject({
  model: MODEL,
  normalize: z
    .enum(['true', 'false'])
    .describe('scale to length 1; false by default')
    .default('false')
    .transform((text) => text === 'true'),
});

export const SEARCH_QUERY = z.strictObject({
  topk: wholeNumber(MAX_NEIGHBOURS).describe('how many pictures; 10 by default').default(10),
});

const base64 = z.string().describe('the bytes of a picture file, base64');

/** Pictures in JSON. */
export const IMAGES_BODY = z.union([
  z.strictObject({ image: base64 }),
  z.strictObject({ images: z.array(z.strictObject({ file: name.default(''), data: base64 })).min(1) }),
]);

const prediction = z.object({
  rank: z.int(),
  index: z.int().describe('the number of the class'),
  id: z.string().describe('WordNet id').optional(),
  label: z.string(),
  labelZh: z.string().optional(),
  probability: z.number().describe('0 to 1, six decimals'),
});

const classified = z.object({ model: z.string(), predictions: z.array(prediction) });
const failed = z.object({
  file: z.string(),
  error: z.object({ code: z.string(), message: z.string() }),
});

export const CLASSIFIED = z.union([
  classified,
  z.array(z.union([classified.extend({ file: z.string() }), failed])),
]);

export const FEATURES = z.object({ shape: z.array(z.int()), features: z.array(z.number()) });

export const FOUND = z.object({
  results: z.array(
    z.object({
      rank: z.int(),
      row: z.int(),
      file: z.string(),
      class: z.string(),
      similarity: z.number().describe('cosine, -1 to 1'),
    }),
  ),
});

export const MODELS = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ready', 'loading', 'unloaded']),
      classes: z.int().optional(),
      inputSize: z.union([z.int(), z.array(z.int())]).optional(),
      device: z.string().optional(),
    }),
  ),
});

export const PROBLEM = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
});

/** Numbers of a tensor in JSON: a list, or lists in lists. */
const data: z.ZodType = z.array(z.unknown());
const parameters = z.record(z.string(), z.unknown()).optional();

/** The JSON of a request of the v2 protocol. */
export const INFER_REQUEST = z.object({
  id: name.optional(),
  parameters,
  inputs: z
    .array(
      z.object({
        name,
        shape: z.array(z.int().nonnegative()).max(8),
        datatype: z.string().max(16),
        parameters,
        data: data.optional(),
      }),
    )
    .length(1, 'expected one input'),
  outputs: z.array(z.object({ name, parameters })).max(16).optional(),
});

export type InferRequest = z.output<typeof INFER_REQUEST>;

export const INFER_RESPONSE = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.int()),
      data: data.optional(),
      parameters,
    }),
  ),
});
