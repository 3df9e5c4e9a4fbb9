// finetune.ts: what is measured of finetune: pictures a second of stage 2, end to end with augmentation, and how long it waits for
// its batches; a hundred epochs of stage 1; the head alone from an empty cache to the report.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { divideDataset, openPictures, trainingData } from '../src/api/finetune/data.ts';
import { newNetwork, trainSpec, untrainedModel } from '../src/api/finetune/new-network.ts';
import { openNetwork } from '../src/api/network.ts';
import { workOf } from '../src/api/work.ts';
import { selectEngine } from '../src/engine/select.ts';
import { finetuneConfig } from '../src/config/finetune.ts';
import { stageTwo, type RunProgress, type TrainingData } from '../src/train/stage-two.ts';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { modelFolder, nameOf, type BenchContext } from './context.ts';
import { measure, output, seconds, type Row } from './measure.ts';

const FINETUNE = path.join(PACKAGE_ROOT, 'bin', 'finetune.js');
const PEER = path.join(PACKAGE_ROOT, 'bench', 'peer', 'torch_finetune.py');
/** Real photos, where a checkout has them beside it; otherwise drawn shapes stand in for them. */
const BIRDS = path.join(PACKAGE_ROOT, '..', 'shared', 'data', 'birds');
const STEPS = Number(process.env['FINCH_BENCH_STEPS'] ?? 10);
const REPEATS = Number(process.env['FINCH_BENCH_REPEATS'] ?? 3);
const NETWORK = 'resnet18';
/** Steps whose time does not count: workers start, kernels are chosen. */
const WARM = 2;

/** With train/ and another part. */
function dataset(scratch: string): { readonly root: string; readonly val: string } {
  if (existsSync(BIRDS)) return { root: BIRDS, val: 'test' };
  const root = path.join(scratch, 'shapes');
  if (!existsSync(root)) output(process.execPath, [path.join(PACKAGE_ROOT, 'examples', 'make-shapes.js'), root]); // prettier-ignore
  return { root, val: 'val' };
}

interface Pace {
  /** Pictures a second. */
  readonly rate: number;
  /** Share of the time in which the loop waits for its next batch. */
  readonly waiting: number;
}

/** The tutorial's recipe does what the peer does; the default one moves by AdamW, bounds gradients and averages weights. */
const PACES = [
  { recipe: 'tutorial', layout: 'nchw' },
  { recipe: 'tutorial', layout: 'channels_last' },
  { recipe: 'default', layout: 'nchw' },
] as const;

/** Each side in a process of its own. */
export async function stageTwoPace({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const model = await modelFolder(scratch, NETWORK);
  const { root } = dataset(scratch);
  const own: Pace[] = [];
  const rows: Row[] = [];
  for (const { recipe, layout } of PACES) {
    rows.push(
      await measure({
        measure: `stage 2, ${NETWORK}, batch 32, recipe ${recipe}`,
        unit: 'pictures/s',
        isRate: true,
        repeats: REPEATS,
        peerName: typeof peer === 'string' ? peer : `${peer.name}, ${layout}, 2 loader workers`,
        finch: () => {
          own.push(jsonOf(process.execPath, [fileURLToPath(import.meta.url), root, model, recipe]) as Pace);
          return own.at(-1)!.rate;
        },
        peer:
          typeof peer === 'string'
            ? undefined
            : () => {
                const args = [PEER, 'all', path.join(root, 'train'), `${STEPS}`, layout];
                return (jsonOf(peer.python, args) as Pick<Pace, 'rate'>).rate;
              },
      }),
    );
  }
  rows.push({
    measure: `stage 2, ${NETWORK}, batch 32: waits for its batches, at most`,
    unit: '% of a step',
    finch: Math.max(...own.map(({ waiting }) => waiting * 100)),
    peer: null,
    ratio: null,
    peerName: 'bar: 5 %',
  });
  return rows;
}

/** The peer's hundred epochs are one, measured once, a hundred times. */
export async function hundredHeadEpochs({ peer, scratch }: BenchContext): Promise<readonly Row[]> {
  const model = await modelFolder(scratch, NETWORK);
  const { root, val } = dataset(scratch);
  const home = path.join(scratch, 'home');
  const flags = ['--head-epochs', '100', '--head-lr', '0.001'];
  let epoch: { readonly train: number; readonly val: number } | undefined;
  const rows: Row[] = [];
  for (const start of ['an empty cache', 'cached features']) {
    rows.push(
      await measure({
        measure: `100 epochs of stage 1, ${NETWORK}, from ${start} to the report`,
        unit: 's',
        repeats: 1,
        peerName: `${nameOf(peer)}: 100 x one epoch, frozen network and Adam, train and val`,
        finch: async () => {
          if (start === 'an empty cache') await rm(home, { recursive: true, force: true });
          return headAlone(root, { model, home, scratch, flags });
        },
        peer:
          typeof peer === 'string'
            ? undefined
            : () => {
                const parts = ['train', val].map((part) => path.join(root, part));
                epoch ??= jsonOf(peer.python, [PEER, 'head', ...parts]) as NonNullable<typeof epoch>;
                return 100 * (epoch.train + epoch.val);
              },
      }),
    );
  }
  return rows;
}

/** Whole processes, with an empty cache each time. */
export async function headFromNothing({ scratch }: BenchContext): Promise<readonly Row[]> {
  const { root } = dataset(scratch);
  const home = path.join(scratch, 'home');
  const rows: Row[] = [];
  for (const name of ['efficientnet_lite0', NETWORK]) {
    const model = name === NETWORK ? await modelFolder(scratch, name) : name;
    rows.push(
      await measure({
        measure: `finetune --epochs 0, ${name}, from an empty cache to the report`,
        unit: 's',
        repeats: REPEATS,
        peerName: 'bar: 20 s',
        finch: async () => {
          await rm(home, { recursive: true, force: true });
          return headAlone(root, { model, home, scratch, flags: [] });
        },
      }),
    );
  }
  return rows;
}

interface HeadAlone {
  readonly model: string;
  readonly home: string;
  readonly scratch: string;
  readonly flags: readonly string[];
}

/** Seconds of `finetune --epochs 0`. */
async function headAlone(root: string, { model, home, scratch, flags }: HeadAlone): Promise<number> {
  const out = path.join(scratch, 'run');
  await rm(out, { recursive: true, force: true });
  const args = [FINETUNE, root, '--model', model, '--epochs', '0', '--out', out, ...flags];
  return seconds(process.execPath, args, { FINCH_HOME: home });
}

function jsonOf(command: string, args: readonly string[]): unknown {
  return JSON.parse(output(command, args).trim().split('\n').at(-1)!);
}

/** finch's side of `stageTwoPace`: the loop of the command with its own data, stopped after some steps. */
async function run(root: string, model: string, recipe: string): Promise<void> {
  const work = workOf({});
  const config = finetuneConfig(root, { model, recipe, epochs: '1', device: 'auto', engine: 'auto', exif: true }); // prettier-ignore
  const { settings } = config;
  const opened = await openNetwork(config, work);
  const divided = await divideDataset(config, work);
  const engine = await selectEngine(config);
  const loader = await openPictures(config, opened.preprocessing, divided.train.length);
  const clock = { steps: 0, started: 0, waited: 0 };
  const data = firstSteps(trainingData({ loaderFor: async () => loader, divided, settings }), clock);
  const network = newNetwork(opened, divided, config.settings);
  const judgement = { loss: 0, score: 0 };
  const from: RunProgress = {
    rows: [],
    best: { ...judgement, stage: 'head', epoch: 0 },
    epoch: 0,
    batch: 0,
    sums: { loss: 0, right: 0, seen: 0 },
  };
  let ended = 0;
  await stageTwo(
    {
      engine,
      model: untrainedModel(network, await opened.readWeights(), opened),
      spec: trainSpec(settings, divided, opened),
      schedule: settings.schedule,
      epochs: 1,
      ...(settings.ema > 0 && { ema: settings.ema }),
      data,
      judge: async () => judgement,
      signal: work.signal,
      checkpointEvery: Infinity,
    },
    {
      onStep: () => (ended = performance.now()),
      onBest: async () => {},
      onEpoch: async () => {},
      onCheckpoint: async () => {},
    },
    from,
  );
  await loader.dispose();
  const time = ended - clock.started;
  const rate = (STEPS * settings.batchSize * 1000) / time;
  process.stdout.write(`${JSON.stringify({ rate, waiting: clock.waited / time } satisfies Pace)}\n`);
}

/** The first batches of as many epochs as are needed, with a note of the time that their reader is kept waiting. */
function firstSteps(
  data: TrainingData,
  clock: { steps: number; started: number; waited: number },
): TrainingData {
  async function* batches() {
    for (let epoch = 0; ; epoch++) {
      const iterator = data.epoch(epoch, 0)[Symbol.asyncIterator]();
      for (;;) {
        if (clock.steps === WARM) clock.started = performance.now();
        const asked = performance.now();
        const next = await iterator.next();
        if (clock.steps >= WARM) clock.waited += performance.now() - asked;
        if (next.done) break;
        yield next.value;
        clock.steps += 1;
        if (clock.steps === WARM + STEPS) return;
      }
    }
  }
  return { ...data, stepsPerEpoch: WARM + STEPS, epoch: batches };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [root, model, recipe] = process.argv.slice(2);
  await run(root!, model!, recipe!);
}
