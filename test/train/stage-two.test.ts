// stage-two.test.ts: the training loop with an engine whose only weight moves by the rate: what it tells, keeps, and goes on from.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrainableEngine, Trainer } from '../../src/engine/training.ts';
import type { Weights } from '../../src/graph/layers.ts';
import {
  stageTwo,
  type EpochRow,
  type RunProgress,
  type RunTensors,
  type StageTwoEvents,
  type StageTwoJob,
} from '../../src/train/stage-two.ts';
import { AppError } from '../../src/util/errors.ts';

const weight = (value: number): Weights => new Map([['w', { shape: [1], data: Float32Array.of(value) }]]);

/** Each step adds the rate to the weight; the loss is what `lossAt` says of the step. */
function fakeEngine(lossAt: (step: number) => number = () => 1, sizes: unknown[] = []): TrainableEngine {
  return {
    name: 'onnx',
    device: 'cpu',
    description: 'fake',
    load: () => Promise.reject(new Error('not here')),
    slopes: () => Promise.reject(new Error('not here')),
    trainingMemory: () => 0,
    async trainer(model, { size }): Promise<Trainer> {
      sizes.push(size?.[0]);
      let value = model.weights.get('w')!.data[0]!;
      let steps = 0;
      return {
        description: 'fake',
        async step(batch, _, [rate]) {
          const loss = lossAt(steps);
          if (!Number.isFinite(loss)) throw new AppError('TRAINING_DIVERGED', 'the loss became NaN');
          value = Math.fround(value + rate!);
          steps += 1;
          const logits = { data: new Float32Array(batch.count * 2), shape: [batch.count, 2] };
          return { loss, logits };
        },
        weights: async () => weight(value),
        state: async () => ({ step: steps, tensors: weight(value) }),
        async restore({ step, tensors }) {
          steps = step;
          value = tensors.get('w')!.data[0]!;
        },
        dispose: async () => {},
      };
    },
  };
}

const START: RunProgress = {
  rows: [],
  best: { loss: 9, score: 0.1, stage: 'head', epoch: 1 },
  epoch: 0,
  batch: 0,
  sums: { loss: 0, right: 0, seen: 0 },
};

/** Two pictures a batch, three batches an epoch; scores are those given, one an epoch. */
function jobOf(scores: readonly number[], rest: Partial<StageTwoJob> = {}): StageTwoJob {
  let judged = 0;
  return {
    engine: fakeEngine(),
    model: {
      graph: { name: 'g', layers: [], input: '', output: '' },
      weights: weight(0),
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    spec: { batchSize: 2, loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' } },
    schedule: { name: 'constant', rate: 1 },
    epochs: scores.length,
    data: {
      classes: 2,
      multiLabel: false,
      stepsPerEpoch: 3,
      async *epoch(_, skip) {
        for (let i = skip; i < 3; i++) {
          yield { data: new Uint8Array(6), count: 2, height: 1, width: 1, targets: { classes: [0, 1] } };
        }
      },
    },
    judge: async () => ({ loss: 1, score: scores[judged++] ?? 0 }),
    signal: new AbortController().signal,
    checkpointEvery: Infinity,
    ...rest,
  };
}

interface Told {
  readonly events: StageTwoEvents;
  readonly rows: EpochRow[];
  readonly kept: number[];
  readonly checkpoints: { readonly progress: RunProgress; readonly tensors: RunTensors }[];
}

function listener(onStep: StageTwoEvents['onStep'] = () => {}): Told {
  const told = { rows: [] as EpochRow[], kept: [] as number[], checkpoints: [] as Told['checkpoints'] };
  const events: StageTwoEvents = {
    onStep,
    async onBest(weights) {
      told.kept.push(weights.get('w')!.data[0]!);
    },
    async onEpoch(row) {
      told.rows.push(row);
    },
    async onCheckpoint(progress, tensors) {
      told.checkpoints.push(structuredClone({ progress, tensors }));
    },
  };
  return { ...told, events };
}

describe('stage two', () => {
  it('keeps the best, a checkpoint an epoch and one to begin with', async () => {
    const told = listener();
    const { progress, ended } = await stageTwo(jobOf([0.5, 0.9, 0.7]), told.events, START);
    assert.equal(ended, undefined);
    assert.deepEqual(told.kept, [3, 6]);
    assert.deepEqual(told.rows.map(({ epoch, score }) => [epoch, score]), [[1, 0.5], [2, 0.9], [3, 0.7]]); // prettier-ignore
    assert.equal(progress.best.epoch, 2);
    assert.deepEqual(told.checkpoints.map((point) => point.progress.epoch), [0, 1, 2, 3]); // prettier-ignore
    assert.equal(told.rows[0]!.trainAccuracy, 0.5);
  });

  it('ends where neither score nor loss has surpassed all before, the head among them', async () => {
    const head = { stage: 'head', epoch: 1, rate: 0, trainLoss: 0, loss: 0.8, score: 0.6 } as const;
    const from = {
      ...START,
      rows: [head],
      best: { loss: 0.8, score: 0.6, stage: 'head', epoch: 1 },
    } as const;
    const ofScores = await stageTwo(jobOf([0.5, 0.7, 0.7, 0.6, 0.9], { gainWithin: 2 }), listener().events, from); // prettier-ignore
    assert.deepEqual([ofScores.ended, ofScores.progress.epoch], ['no gain', 4]);
    const losses = [0.9, 0.7, 0.6, 0.65, 0.7, 0.1];
    let judged = 0;
    const judge = async () => ({ loss: losses[judged++]!, score: 0.6 });
    const ofLosses = await stageTwo(jobOf(losses, { gainWithin: 2, judge }), listener().events, from);
    assert.deepEqual([ofLosses.ended, ofLosses.progress.epoch], ['no gain', 5]);
  });

  it('ends at its deadline, after the epoch that it is in has been judged', async () => {
    const { progress, ended } = await stageTwo(jobOf([0.5, 0.9], { deadline: 0 }), listener().events, START);
    assert.deepEqual([ended, progress.epoch], ['deadline', 0]);
    const deadline = performance.now() + 50;
    const slow = listener(() => {
      while (performance.now() < deadline);
    });
    const cut = await stageTwo(jobOf([0.5, 0.9], { deadline }), slow.events, START);
    assert.deepEqual([cut.ended, cut.progress.epoch, slow.rows.length], ['deadline', 1, 1]);
  });

  it('keeps the head where nothing is better', async () => {
    const told = listener();
    const from = { ...START, best: { ...START.best, score: 1 } };
    const { progress } = await stageTwo(jobOf([0.5, 0.9]), told.events, from);
    assert.deepEqual(told.kept, []);
    assert.equal(progress.best.stage, 'head');
  });

  it('stops when it has not improved for so long, and does not begin again', async () => {
    const told = listener();
    const job = jobOf([0.5, 0.4, 0.4, 0.9], { patience: 2 });
    const { progress, ended } = await stageTwo(job, told.events, START);
    assert.equal(ended, 'patience');
    assert.equal(progress.epoch, 3);
    const again = await stageTwo(job, listener().events, progress, told.checkpoints.at(-1)!.tensors);
    assert.deepEqual([again.ended, again.progress.epoch], ['patience', 3]);
  });

  it('ends when the loss is no number, with what was good before', async () => {
    const told = listener();
    const engine = fakeEngine((step) => (step < 4 ? 1 : NaN));
    const { progress, ended } = await stageTwo(jobOf([0.5, 0.9], { engine }), told.events, START);
    assert.ok(ended instanceof AppError);
    assert.equal(progress.best.epoch, 1);
    const judged = await stageTwo(
      jobOf([0.5], { judge: async () => ({ loss: NaN, score: 0.5 }) }),
      listener().events,
      START,
    );
    assert.match(String(judged.ended), /validation loss became NaN/);
  });

  it('goes on in the middle of an epoch as if it had not stopped', async () => {
    const schedule = { name: 'cosine', rate: 1, warmup: 1 } as const;
    const scores = [0.5, 0.6, 0.7];
    const whole = listener();
    await stageTwo(jobOf(scores, { schedule, ema: 0.9 }), whole.events, START);

    const stop = new AbortController();
    const first = listener(({ epoch, batch }) => {
      if (epoch === 2 && batch === 2) stop.abort();
    });
    const stopped = stageTwo(jobOf(scores, { schedule, ema: 0.9, signal: stop.signal }), first.events, START);
    await assert.rejects(stopped, { code: 'INTERRUPTED' });
    const { progress, tensors } = first.checkpoints.at(-1)!;
    assert.deepEqual([progress.epoch, progress.batch], [1, 2]);
    const rest = listener();
    await stageTwo(jobOf(scores.slice(1), { schedule, ema: 0.9, epochs: 3 }), rest.events, progress, tensors);
    assert.deepEqual([...first.rows, ...rest.rows], whole.rows);
    assert.deepEqual([...first.kept, ...rest.kept], whole.kept);
    assert.deepEqual(rest.checkpoints.at(-1), whole.checkpoints.at(-1));
  });

  it('smaller pictures first: another trainer goes on with the same weights, and gain counts from the last size on', async () => {
    const sizes: unknown[] = [];
    const told = listener();
    const scores = [0.5, 0.4, 0.4, 0.4, 0.6, 0.6, 0.6];
    const job = jobOf(scores, {
      engine: fakeEngine(() => 1, sizes),
      sides: [8, 16],
      gainWithin: 2,
      ema: 0.9,
    });
    const { ended } = await stageTwo(job, told.events, START);
    // A step of the spec's size is tried first.
    assert.deepEqual(sizes, [undefined, 8, 16]);
    // Epochs 1 to 4 have small pictures; the fifth is a gain, the next two are none.
    assert.deepEqual([ended, told.rows.length], [undefined, 7]);
    assert.equal(told.checkpoints.at(-1)!.tensors.trainer.tensors.get('w')!.data[0], 21);
    const { progress, tensors } = told.checkpoints[5]!;
    await stageTwo({ ...job, engine: fakeEngine(() => 1, sizes) }, listener().events, progress, tensors);
    assert.deepEqual(sizes, [undefined, 8, 16, 16]);
  });

  it('each group of layers has its share of the rate', async () => {
    const seen: (readonly number[])[] = [];
    const engine = fakeEngine();
    const watched: TrainableEngine = {
      ...engine,
      async trainer(model, spec) {
        const trainer = await engine.trainer(model, spec);
        return { ...trainer, step: (batch, targets, rates) => (seen.push(rates), trainer.step(batch, targets, rates)) }; // prettier-ignore
      },
    };
    await stageTwo(jobOf([0.5], { engine: watched, rateShares: [0.25, 0.5] }), listener().events, START);
    assert.deepEqual(seen[0], [1, 0.25, 0.5]);
  });

  it('refuses averaged weights of another network', async () => {
    const from = { ...START, epoch: 1 };
    const trainer = { step: 3, tensors: weight(1) };
    const other: Weights = new Map([['w', { shape: [2], data: new Float32Array(2) }]]);
    for (const tensors of [{ trainer, average: other }, { trainer }]) {
      const refused = stageTwo(jobOf([0.5, 0.6], { ema: 0.9 }), listener().events, from, tensors);
      await assert.rejects(refused, { code: 'CHECKPOINT_INVALID' });
    }
  });

  it('writes checkpoints within an epoch when it is time', async () => {
    const told = listener();
    await stageTwo(jobOf([0.5], { checkpointEvery: 0 }), told.events, START);
    assert.deepEqual(told.checkpoints.map(({ progress }) => [progress.epoch, progress.batch]), [[0, 0], [0, 1], [0, 2], [1, 0]]); // prettier-ignore
  });

  it('lowers the rate on a plateau of the validation loss', async () => {
    const told = listener();
    const schedule = { name: 'plateau', rate: 1, gamma: 0.1, patience: 0 } as const;
    await stageTwo(jobOf([0.5, 0.5, 0.5], { schedule }), told.events, START);
    assert.deepEqual(told.rows.map(({ rate }) => Number(rate.toFixed(6))), [1, 1, 0.1]); // prettier-ignore
  });
});
