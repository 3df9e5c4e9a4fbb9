// second-stage.ts: what stage 2 of a run learns from and is judged by: the pictures, or what the layers that do not learn make of
// them; and for how long.

import type { EngineModel } from '../../engine/engine.ts';
import type { TrainSpec } from '../../engine/training.ts';
import { judge } from '../../evaluation/judgement.ts';
import type { Weights } from '../../graph/layers.ts';
import { withMirroredWeights } from '../../graph/mirrored.ts';
import { PLAN_RECORD, readRunRecord } from '../../run/records.ts';
import { writeJson, type RunPaths } from '../../run/run-folder.ts';
import type { StageTwoJob, TrainingData } from '../../train/stage-two.ts';
import { targetsFor } from '../../train/targets.ts';
import { sideInEpoch } from '../../train/picture-sizes.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { cachePrefix, removeMaps, type CachedPrefix } from './cached-prefix.ts';
import { trainingData } from './data.ts';
import { picturesAtTheEnd } from './keep-novelty.ts';
import { clock } from './keeper.ts';
import { timed } from './measured.ts';
import { decayedRates, graphFor, learnerOf } from './new-network.ts';
import { planSteps, type StepPlan } from './plan.ts';
import type { RunPlan } from './results.ts';
import { seenBy } from './seen-by.ts';
import { picturesBySize } from './pictures-by-size.ts';
import type { RunParts, RunTools } from './stage-one.ts';

export interface SecondStageParts extends Pick<RunParts, 'config' | 'opened' | 'divided'> {
  readonly paths: RunPaths;
  /** The whole network, whose output is logits. */
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  /** The epoch at which its schedule begins: 0, or where the run went on, having been finished. */
  readonly begin: number;
  /** That the run has taken up to now. */
  readonly seconds: () => number;
  /** Told the logits `[N, classes]` of the validation pictures whenever they are judged. */
  readonly onScores: (scores: Float32Array) => void;
}

export interface SecondStage {
  /** Undefined where there is no stage 2, or no time for it. */
  job(weights: Weights): Promise<StageTwoJob | undefined>;
  /** Logits `[N, classes]` of the validation pictures by these weights of the whole network. */
  scores(weights: Weights): Promise<Float32Array>;
  close(): Promise<void>;
  /** Of a run of `--minutes`, once its job was made. */
  plan(): RunPlan | undefined;
  /** Removes what only stage 2 needs. */
  tidy(): Promise<void>;
}

/** What the stage is made of, whether it sees pictures or kept maps. */
interface Learning {
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  readonly data: CachedPrefix['data'];
  readonly scores: CachedPrefix['scores'];
}

/** Pictures that are timed for the rest. */
const TIMED_PICTURES = 48;

/** Seconds, and a share of the whole time, that the results take. */
const ENDING = { seconds: 2, share: 0.02 };

/** A run may be so much longer than was planned before it is ended in the middle of an epoch. */
const GRACE = 1.03;

/** A share of all epochs, but no less and no more than so many, within which stage 2 has to surpass the best so far. */
const GAIN = { share: 0.3, least: 3, most: 10 };

export function secondStage(parts: SecondStageParts, tools: RunTools, work: Work): SecondStage {
  const { paths, config, opened, divided, model, seconds } = parts;
  const { engine, network } = tools;
  const { settings } = config;
  const rates = decayedRates(network, settings, opened);
  const spec = { ...parts.spec, ...(rates && { groups: rates.groups }) };
  const truth = { labels: divided.val.map(({ labels }) => labels), ...network };
  const learner = learnerOf(network, model);
  const whole = (weights: Weights) => ({ ...model, weights: withMirroredWeights(model.graph, weights) });
  const scores = (weights: Weights) => validationScores(whole(weights), parts, tools);
  let cached: CachedPrefix | undefined;
  const sized = picturesBySize(parts, tools.loader);
  let length: StepPlan = { epochs: 0, stepsPerEpoch: 0 };

  const learning = async (): Promise<Learning> => {
    const { trainSizes, cachedViews, epochs } = settings;
    if (cachedViews > 0) {
      const { size } = opened.preprocessing;
      const trainLoader = await sized.loaderOf(trainSizes?.[0]);
      const job = { folder: paths.maps, model, spec, settings, divided, size, trainLoader };
      return (cached = await cachePrefix(job, tools, work));
    }
    return {
      model: { ...learner, graph: graphFor(spec.loss.kind, learner.graph) },
      spec,
      data: (steps) =>
        trainingData({
          loaderFor: (epoch) => sized.loaderOf(trainSizes && sideInEpoch(trainSizes, epoch, { begin: parts.begin, epochs })),
          divided,
          settings,
          steps,
        }), // prettier-ignore
      scores,
    };
  };

  /** That the trained network takes to see some pictures once more. */
  const endingSeconds = async (weights: Weights) => {
    const some = { ...divided, val: divided.val.slice(0, TIMED_PICTURES) };
    const took = await timed(() => validationScores(whole(weights), { ...parts, divided: some }, tools));
    return (took / some.val.length) * picturesAtTheEnd(divided, network);
  };

  return {
    async job(weights) {
      if (settings.epochs === 0) return undefined;
      const { data, scores: scored, ...rest } = await learning();
      const judged = async (latest: Weights) => {
        const found = await scored(latest);
        parts.onScores(found);
        return judge(found, truth);
      };
      const job: StageTwoJob = {
        engine,
        ...rest,
        model: { ...rest.model, weights: learnerOf(network, whole(weights)).weights },
        ...(config.mayDivide && { onDivided: tools.onDivided }),
        schedule: settings.schedule,
        ...(rates && { rateShares: rates.shares }),
        epochs: settings.epochs,
        begin: parts.begin,
        ...(settings.trainSizes && settings.trainSizes.length > 1 && { sides: settings.trainSizes }),
        ...(settings.ema > 0 && { ema: settings.ema }),
        ...(settings.patience !== undefined && { patience: settings.patience }),
        ...(settings.gainWithin !== undefined && { gainWithin: settings.gainWithin }),
        data: data(),
        judge: judged,
        signal: work.signal,
        checkpointEvery: config.checkpointMinutes * 60_000,
      };
      if (settings.minutes === undefined) return job;
      const end = settings.minutes * 60;
      length =
        (await readRunRecord(paths.plan, PLAN_RECORD)) ??
        (await timedPlan(
          job,
          end * (1 - ENDING.share) - ENDING.seconds - (await endingSeconds(weights)),
          parts,
          work,
        ));
      if (length.epochs === 0) return undefined;
      return {
        ...job,
        epochs: length.epochs,
        data: data(length.stepsPerEpoch),
        gainWithin: Math.min(GAIN.most, Math.max(GAIN.least, Math.ceil(length.epochs * GAIN.share))),
        deadline: performance.now() + (end * GRACE - seconds()) * 1000,
      };
    },
    scores,
    async close() {
      await cached?.close();
      await sized.close();
    },
    plan() {
      const { minutes, pool, trainFrom, cachedViews } = settings;
      if (minutes === undefined) return undefined;
      const { size } = opened.preprocessing;
      return { minutes, size, ...(pool && { pool }), ...(trainFrom !== undefined && { trainFrom }), cachedViews, ...length }; // prettier-ignore
    },
    tidy: async () => (cached ? removeMaps(paths.maps) : undefined),
  };
}

/** Steps that are timed, and the seconds after which no more are. */
const [TIMED, TIMED_SECONDS] = [6, 4];

/** Takes steps of stage 2, which nothing is kept of, and plans as many as fit. @param end seconds of the run */
async function timedPlan(
  job: StageTwoJob,
  end: number,
  { paths, seconds }: SecondStageParts,
  work: Work,
): Promise<StepPlan> {
  work.progress({ task: 'plan', done: 0, text: 'timing a few steps' });
  const around = await timed(() => job.judge(job.model.weights));
  const { compile, step } = await timedSteps(job, job.data, work);
  const { stepsPerEpoch: steps } = job.data;
  const plan = planSteps({ seconds: end - seconds() - compile, step, around: around * JUDGED_AND_WRITTEN, steps }); // prettier-ignore
  const reckoned = plan.epochs * (plan.stepsPerEpoch * step + around * JUDGED_AND_WRITTEN);
  work.note(
    plan.epochs === 0
      ? `plan: no time is left for stage 2, of which an epoch takes ${clock(steps * step + around)}`
      : `plan: stage 2 in ${clock(reckoned)}: ${plan.epochs} ${plan.epochs === 1 ? 'epoch' : 'epochs'} of ${plan.stepsPerEpoch} steps${plan.stepsPerEpoch < steps ? `, of ${steps} that would see all pictures` : ''}; a step takes ${(step * 1000).toFixed(0)} ms`,
  );
  await writeJson(paths.plan, plan);
  return plan;
}

/** An epoch is judged, and its weights are written. */
const JUDGED_AND_WRITTEN = 1.3;

async function timedSteps({ engine, model, spec, onDivided }: StageTwoJob, data: TrainingData, work: Work) {
  const started = performance.now();
  const trainer = await engine.trainer(model, spec, onDivided);
  const times: number[] = [];
  let [compile, before] = [0, started];
  try {
    for await (const batch of data.epoch(0, 0)) {
      throwIfAborted(work);
      await trainer.step(batch, targetsFor(spec.loss.kind, batch.targets, data.classes), [0, ...(spec.groups ?? []).map(() => 0)]); // prettier-ignore
      await trainer.weights();
      const now = performance.now();
      // The first step waits for kernels and workers.
      if (compile === 0) compile = (now - started) / 1000;
      else times.push((now - before) / 1000);
      before = now;
      if (times.length >= TIMED || (times.length > 1 && now - started > (compile + TIMED_SECONDS) * 1000))
        break;
    }
  } finally {
    await trainer.dispose();
  }
  const step = times.length === 0 ? compile : times.reduce((sum, time) => sum + time, 0) / times.length;
  return { compile, step };
}

/** Logits `[N, classes]` of the validation pictures. */
async function validationScores(
  model: EngineModel,
  { divided, opened }: Pick<RunParts, 'divided' | 'opened'>,
  tools: RunTools,
): Promise<Float32Array> {
  const { size } = opened.preprocessing;
  const predictor = await tools.engine.load(model, { size: sidesOf(size), onDivided: tools.onDivided });
  try {
    const [scores] = await seenBy(predictor, divided.val, tools);
    return scores!;
  } finally {
    await predictor.dispose();
  }
}
