// byte-trial.ts: tries a network with bytes: finds the ranges by which it answers most like itself, and measures how much faster it is.

import { cpus } from 'node:os';
import type { QuantizationFacts } from '../../artefact/quantization-facts.ts';
import type { Engine, EngineModel, Predictor } from '../../engine/engine.ts';
import { logitsOf, type NetworkOutput } from '../../graph/output.ts';
import { agreementOf, top1Of, type Agreement } from '../../quantization/agreement.ts';
import { Calibration } from '../../quantization/calibration.ts';
import type { WeightBits } from '../../quantization/kernel.ts';
import type { Quantization } from '../../quantization/quantization.ts';
import { METHODS, type Method } from '../../quantization/ranges.ts';
import type { Places } from '../../quantization/units.ts';
import { sidesOf, type PictureSize } from '../../util/preprocessing.ts';
import { batchOf, DEFAULT_BATCH } from '../network.ts';
import { throwIfAborted, type Work } from '../work.ts';
import type { CalibrationPicture } from './calibration-pictures.ts';

export interface ByteTrial {
  readonly model: EngineModel;
  readonly output: NetworkOutput;
  readonly size: PictureSize;
  readonly places: Places;
  readonly pictures: readonly CalibrationPicture[];
  readonly engine: Engine;
  readonly bits: WeightBits;
}

/** The best quantization, and what it does. */
export interface TriedBytes {
  readonly quantization: Quantization;
  readonly facts: QuantizationFacts;
}

/** Measures how many times as fast `other` is as `one`, for a batch of so many pictures. */
export type TimesAsFast = (one: Run, other: Run, count: number) => Promise<number>;

type Run = (count: number) => Promise<unknown>;

/** Outputs of all layers are in memory for so many pictures at once. */
const CALIBRATED_AT_ONCE = 4;

/** @param timesAsFast a stopwatch, which tests replace. @throws AppError INTERRUPTED */
export async function tryBytes(trial: ByteTrial, work: Work, timesAsFast: TimesAsFast = raced): Promise<TriedBytes> {
  const { pictures, engine, model, output, bits } = trial;
  const calibration = await calibrated(trial, work);
  const options = { outputs: [output.logits], size: sidesOf(trial.size) };
  const float32 = await engine.load(model, options);
  try {
    const exact = await scoresOf(float32, trial, 'in float32', work);
    let best: { readonly method: Method; readonly agreement: Agreement; readonly rows: readonly Float32Array[]; readonly predictor: Predictor; readonly quantization: Quantization } | undefined; // prettier-ignore
    for (const method of Object.keys(METHODS) as Method[]) {
      const quantization = calibration.quantization(method, bits);
      const predictor = await engine.load({ ...model, quantization }, options);
      const rows = await scoresOf(predictor, trial, `in 8 bits, ${method}`, work);
      const agreement = agreementOf(exact, rows);
      const isBetter = !best || isMoreAlike(agreement, best.agreement);
      await (isBetter ? best?.predictor : predictor)?.dispose();
      if (isBetter) best = { method, agreement, rows, predictor, quantization };
    }
    const { method, agreement, rows, predictor, quantization } = best!;
    const run = (network: Predictor) => (count: number) => network.run(batchOf(first(pictures, count), trial.size));
    try {
      const measured = (count: number) => timesAsFast(run(float32), run(predictor), count);
      const speed = { one: await measured(1), batch: await measured(DEFAULT_BATCH) };
      const processor = cpus()[0]?.model.trim() ?? process.arch;
      const top1 = top1Facts(pictures, exact, rows);
      const facts = { bits, method, pictures: pictures.length, agreement: agreement.top1, ...(top1 && { top1 }), speed, processor }; // prettier-ignore
      return { quantization, facts };
    } finally {
      await predictor.dispose();
    }
  } finally {
    await float32.dispose();
  }
}

/** Of the same agreement the one whose scores are nearer. */
const isMoreAlike = (one: Agreement, other: Agreement) =>
  one.top1 > other.top1 || (one.top1 === other.top1 && one.error < other.error);

/** The pixels of so many pictures, some of them again where there are fewer. */
const first = (pictures: readonly CalibrationPicture[], count: number) =>
  Array.from({ length: count }, (_, i) => pictures[i % pictures.length]!.pixels);

async function calibrated({ places, pictures, engine, model, size }: ByteTrial, work: Work): Promise<Calibration> {
  const calibration = new Calibration(places);
  const predictor = await engine.load(model, { outputs: calibration.layers, size: sidesOf(size) });
  try {
    for (let i = 0; i < pictures.length; i += CALIBRATED_AT_ONCE) {
      throwIfAborted(work);
      tell(work, 'measuring ranges', i, pictures.length);
      const some = pictures.slice(i, i + CALIBRATED_AT_ONCE);
      calibration.add(await predictor.run(batchOf(some.map(({ pixels }) => pixels), size))); // prettier-ignore
    }
  } finally {
    await predictor.dispose();
  }
  return calibration;
}

/** A row of logits of each picture. */
async function scoresOf(
  predictor: Predictor,
  { pictures, size, output }: ByteTrial,
  how: string,
  work: Work,
): Promise<readonly Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let i = 0; i < pictures.length; i += DEFAULT_BATCH) {
    throwIfAborted(work);
    tell(work, how, i, pictures.length);
    const some = pictures.slice(i, i + DEFAULT_BATCH);
    const [scores] = await predictor.run(batchOf(some.map(({ pixels }) => pixels), size)); // prettier-ignore
    const numbers = scores!.data.length / some.length;
    for (const k of some.keys()) {
      const row = scores!.data.slice(k * numbers, (k + 1) * numbers);
      rows.push(logitsOf({ ...output, activation: 'none' }, row));
    }
  }
  return rows;
}

function tell(work: Work, how: string, done: number, total: number): void {
  work.progress({ task: 'quantize', done, total, text: `${how}: ${done} of ${total} pictures` });
}

/** Of the pictures whose class is known. */
function top1Facts(
  pictures: readonly CalibrationPicture[],
  exact: readonly Float32Array[],
  rows: readonly Float32Array[],
): QuantizationFacts['top1'] {
  const known = [...pictures.keys()].filter((i) => pictures[i]!.truth !== undefined);
  if (known.length === 0) return undefined;
  const truth = known.map((i) => pictures[i]!.truth!);
  const of = (answers: readonly Float32Array[]) => top1Of(known.map((i) => answers[i]!), truth); // prettier-ignore
  return { float32: of(exact), int8: of(rows) };
}

/** Rounds of a race for one picture; a batch needs fewer. */
const ROUNDS = 12;
const BATCH_ROUNDS = 5;

/** Both in turn, after one of each that does not count: the shortest times, which other work on the machine disturbs least. */
async function raced(one: Run, other: Run, count: number): Promise<number> {
  const shortest = [Infinity, Infinity];
  for (let round = 0; round <= (count > 1 ? BATCH_ROUNDS : ROUNDS); round++) {
    for (const [i, run] of [one, other].entries()) {
      const began = performance.now();
      await run(count);
      if (round > 0) shortest[i] = Math.min(shortest[i]!, performance.now() - began);
    }
  }
  return shortest[0]! / shortest[1]!;
}
