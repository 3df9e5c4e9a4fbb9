// records.ts: what the records in a run's folder must look like so that the run can go on. Anybody may have edited them.

import { dirname } from 'node:path';
import * as z from 'zod';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { readJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';

/** A run's records name every file of its dataset: a million files with long paths. */
const MAX_BYTES = 512 * 1024 ** 2;
const MAX_VALUES = 4_000_000;

/** JSON has no NaN and writes null. */
const number = z.number().or(z.null().transform(() => NaN));
const count = z.int().nonnegative();
const judgement = { loss: number, score: number, top1: number.optional(), top5: number.optional() };
const stage = z.enum(['head', 'all']);
const text = z.string().max(65_536);

/** Epochs of stage 2 after which a finished run went on with more of them. */
const continuedAfter = z.array(count).optional();

/** The values of a command line, which are parsed again like a command line. */
const FLAGS = z
  .object({
    model: text,
    exif: z.boolean(),
    offline: z.boolean().optional(),
    debug: z.boolean().optional(),
    classWeights: z.boolean().optional(),
    featureMirror: z.boolean().optional(),
    tensorboard: z.boolean().optional(),
    resume: text.or(z.literal(true)).optional(),
    findLr: text.or(z.literal(true)).optional(),
  })
  .catchall(text);

/** config.json */
export const RUN_CONFIG = z.object({
  /** Of a run of `finch shards learn`, which finetune does not go on with. */
  learntFrom: z.literal('shards').optional(),
  dataset: text,
  flags: FLAGS,
  settings: z.record(text, z.unknown()),
  continuedAfter,
});

/** Of summary.json: how long the run is. */
export const LENGTH_RECORD = z.object({ epochs: count, continuedAfter });

/** Runs of a sweep are made one after another on one machine: more than these end with nobody waiting for them. */
export const MAX_SWEEP_RUNS = 1000;

/** What a plan must not say for its runs: where they write. */
const PLACES = ['out', 'resume', 'findLr', 'previewAugment'];
const namesNoPlace = (flags: object) => PLACES.every((name) => !Object.hasOwn(flags, name));
const NO_PLACE = { error: `expected no ${PLACES.join(', ')}` };

/** sweep.json: which runs a sweep is made of. */
export const SWEEP_PLAN = z.object({
  version: z.literal(1),
  dataset: text,
  /** Of the dataset's names, contents and labels. */
  pictures: z.string().regex(/^[0-9a-f]{64}$/),
  /** That all runs have. */
  flags: FLAGS.refine(namesNoPlace, NO_PLACE),
  runs: z
    .array(
      z.object({
        // A folder inside the sweep's.
        name: z
          .string()
          .regex(/^[\w=+.-]{1,120}$/)
          .regex(/^[^.]/),
        settings: z.record(text, text.or(z.boolean())).refine(namesNoPlace, NO_PLACE),
        seed: text,
      }),
    )
    .min(1)
    .max(MAX_SWEEP_RUNS),
});

/** dataset.json: what the dataset was, and which of its pictures cannot be read. */
export const DATASET_RECORD = z.object({ fingerprint: z.record(text, text), failed: z.array(text) });

/** plan.json: how long stage 2 of a run with --minutes is. */
export const PLAN_RECORD = z.object({ epochs: count, stepsPerEpoch: count });

/** state.json of a checkpoint. */
export const CHECKPOINT_RECORD = z.object({
  version: z.literal(1),
  step: count,
  tensors: z.string().regex(/^tensors-\d{1,9}-\d{1,9}\.safetensors$/),
  seconds: z.number().nonnegative(),
  engine: text.optional(),
  secondsToBest: z.number().nonnegative().optional(),
  progress: z.object({
    rows: z.array(
      z.object({
        stage,
        epoch: count,
        rate: number,
        trainLoss: number,
        trainAccuracy: number.optional(),
        ...judgement,
      }),
    ),
    best: z.object({ stage, epoch: count, ...judgement }),
    epoch: count,
    batch: count,
    sums: z.object({ loss: number, right: number, seen: number }),
  }),
});

/**
 * Undefined where there is no such file.
 * @throws AppError CHECKPOINT_INVALID naming the first part that is not as it should be
 */
export async function readRunRecord<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const invalid = (problem: string, cause?: unknown) =>
    new AppError(
      'CHECKPOINT_INVALID',
      `${file} cannot be gone on from: ${problem}; start the run anew with another --out`,
      { cause },
    );
  const json = await readJson(file, { what: 'it', limit: MAX_BYTES, maxValues: MAX_VALUES }).catch(
    (error: unknown) => {
      const code = systemCode(error);
      if (code === 'ENOENT') return undefined;
      if (code === 'ENOTDIR') throw new AppError('CHECKPOINT_INVALID', `${dirname(file)} is no folder, expected the folder of a run`, { cause: error }); // prettier-ignore
      throw invalid(quoted(messageOf(error)), error);
    },
  );
  if (json === undefined) return undefined;
  const { data, error } = schema.safeParse(json);
  if (!error) return data;
  const [{ path, message } = { path: [], message: 'is something else' }] = error.issues;
  throw invalid(`${quoted(path.map(String).join('.') || 'it')}: ${quoted(message)}`, error);
}
