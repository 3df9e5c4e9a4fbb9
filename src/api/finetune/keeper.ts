// keeper.ts: records a run while it happens: metrics, models, checkpoints. Reports its progress.

import { writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { Weights } from '../../graph/layers.ts';
import { withMirroredWeights } from '../../graph/mirrored.ts';
import { saveCheckpoint } from '../../run/checkpoint.ts';
import { metricsCsv } from '../../run/metrics-file.ts';
import type { RunPaths } from '../../run/run-folder.ts';
import type { EpochRow, RunProgress, StepReport } from '../../train/stage-two.ts';
import type { TwoStageEvents } from '../../train/two-stage.ts';
import { AppError } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { shellWord } from '../../util/shell-word.ts';
import type { Work } from '../work.ts';

export interface KeeperOptions {
  readonly paths: RunPaths;
  /** The model that will be saved; the weights that learn come later. */
  readonly model: Omit<Model, 'weights'>;
  readonly multiLabel: boolean;
  /** What computes: `onnx on cpu`. */
  readonly engine: string;
  /** Seconds that the run has taken in all, up to now. */
  readonly seconds: () => number;
  /** The same when the best weights so far were there. */
  readonly secondsToBest: () => number;
  /** What the best weights so far say of the pictures that judge them. */
  readonly bestScores: () => Float32Array | undefined;
  /** Told the weights of a new best; what it returns is written. */
  readonly onBest: (weights: Weights) => Weights;
}

export function keeperOf(work: Work, options: KeeperOptions): TwoStageEvents {
  const { paths, model, multiLabel, engine, seconds, secondsToBest, bestScores, onBest } = options;
  const pace = paceOf();
  let epochs = 0;
  const keep = async (folder: string, weights: Weights) =>
    writeModelFolder(
      folder,
      { ...model, weights: withMirroredWeights(model.graph, weights) },
      { dtype: 'float32' },
    );
  const writeMetrics = ({ rows }: RunProgress) =>
    writeFileAtomic(paths.metrics, metricsCsv(rows, multiLabel));
  return {
    onHeadEpoch: ({ epoch, ...row }) =>
      work.progress({ task: 'head', done: epoch, text: `head: epoch ${epoch}, ${judgedText(row)}` }),
    async onHead(_, weights, progress) {
      const { epoch, ...best } = progress.best;
      work.note(
        `head: ${judgedText(best)}${epoch > 0 ? `, after ${epoch} ${epoch === 1 ? 'pass' : 'passes'} over the features` : ''}`,
      );
      await keep(paths.best, onBest(weights));
      await keep(paths.last, weights);
      await writeMetrics(progress);
    },
    onStep(step) {
      const { epoch, batch, stepsPerEpoch } = step;
      epochs = step.epochs;
      const text = `epoch ${step.epoch}/${epochs}, step ${step.batch}/${step.stepsPerEpoch}, loss ${step.loss.toFixed(3)}${accuracyText(step.accuracy)}, ${pace.after(step)}`; // prettier-ignore
      const done = (epoch - 1) * stepsPerEpoch + batch;
      work.progress({ task: 'train', done, total: epochs * stepsPerEpoch, text });
    },
    async onBest(weights) {
      await keep(paths.best, onBest(weights));
    },
    async onEpoch(row, weights, progress) {
      const isBest = progress.best.epoch === row.epoch && progress.best.stage === row.stage;
      work.note(`epoch ${row.epoch}/${epochs}: loss ${row.trainLoss.toFixed(3)}${accuracyText(row.trainAccuracy)}; ${judgedText(row)}${isBest ? ', the best so far' : ''}${pace.ofEpoch()}`); // prettier-ignore
      await keep(paths.last, weights);
      await writeMetrics(progress);
    },
    async onCheckpoint(progress, tensors) {
      try {
        await saveCheckpoint(paths.checkpoint, {
          progress,
          tensors,
          seconds: seconds(),
          secondsToBest: secondsToBest(),
          bestScores: bestScores(),
          engine,
        });
      } catch (error) {
        throw resumable(error, paths);
      }
    },
  };
}

export function judgedText({ loss, top1, score }: Pick<EpochRow, 'loss' | 'top1' | 'score'>): string {
  const share = `${(score * 100).toFixed(2)} %`;
  return `validation loss ${loss.toFixed(3)}, ${top1 === undefined ? 'mean average precision' : 'top-1'} ${share}`;
}

function accuracyText(accuracy: number | undefined): string {
  return accuracy === undefined ? '' : `, accuracy ${(accuracy * 100).toFixed(1)} %`;
}

interface Pace {
  /** `34.1 pictures/s, 1:20 left` */
  after(step: StepReport): string;
  /** `; 34.1 pictures/s`; empty while there has been no second step to time. */
  ofEpoch(): string;
}

/** Speed of this epoch, and what is left of all of them at that speed. */
function paceOf(): Pace {
  let [epoch, started, pictures, steps, rate] = [0, 0, 0, 0, 0];
  return {
    after(step) {
      const now = performance.now();
      if (step.epoch !== epoch) {
        // The first step of an epoch waits for workers and kernels, so the time is measured from the end of that step.
        [epoch, started, pictures, steps] = [step.epoch, now, 0, 0];
        if (rate === 0) return 'starting';
      } else {
        pictures += step.pictures;
        steps += 1;
        rate = (pictures / (now - started)) * 1000;
      }
      const left = (step.epochs - step.epoch) * step.stepsPerEpoch + step.stepsPerEpoch - step.batch;
      const perStep = steps > 0 ? (now - started) / steps : 0;
      return `${rate.toFixed(1)} pictures/s${perStep > 0 ? `, ${clock((left * perStep) / 1000)} left` : ''}`;
    },
    ofEpoch: () => (rate === 0 ? '' : `; ${rate.toFixed(1)} pictures/s`),
  };
}

/** `1:05`, `2:03:07` */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts as [number, number, number];
  const tail = `${rest}`.padStart(2, '0');
  return hours > 0 ? `${hours}:${`${minutes}`.padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** When a write fails, the previous checkpoint stays, and the error says how to resume. */
function resumable(error: unknown, { folder }: RunPaths): unknown {
  if (!(error instanceof AppError) || error.code !== 'WRITE_FAILED') return error;
  return new AppError(
    'WRITE_FAILED',
    `${error.message}; the checkpoint before it is whole, go on with: finetune --resume ${shellWord(folder)}`,
    { cause: error },
  );
}
