// belongs.ts: which flags of finetune have a meaning only with others. A flag that would be ignored is refused by name.

import { AppError } from '../util/errors.ts';
import type { FinetuneFlags, TrainSettings } from './finetune-settings.ts';

type Flag = keyof FinetuneFlags;

interface Rule {
  readonly flags: readonly Flag[];
  /** What the flags belong to, for the message. */
  readonly to: string;
  readonly holds: (settings: TrainSettings) => boolean;
  /** What was chosen instead, for the message. */
  readonly instead: (settings: TrainSettings) => string;
  /** Whether it is about a stage that runs. `--find-lr` and `--preview-augment` run neither, and show what both would see. */
  readonly isOfStage?: true;
}

const augmentOf = ({ augment }: TrainSettings): string => {
  if (!augment) return 'none';
  return augment.policy
    ? { randaugment: 'randaugment', trivial: 'trivialaugment' }[augment.policy.name]
    : 'basic';
};

const scheduled = (flag: Flag, ...names: readonly TrainSettings['schedule']['name'][]): Rule => ({
  flags: [flag],
  to: `--schedule ${names.join(', ')}`,
  holds: ({ schedule }) => names.includes(schedule.name),
  instead: ({ schedule }) => `--schedule ${schedule.name}`,
});

/** Flags of stage 2 alone; `--epochs 0` leaves stage 2 out. */
export const STAGE_TWO: readonly Flag[] = [
  'lr', 'optimizer', 'momentum', 'weightDecay', 'schedule', 'stepSize', 'gamma', 'minLr', 'warmupEpochs', 'schedulePatience',
  'mixup', 'cutmix', 'sampler', 'batchNorm', 'trainFrom', 'cachedViews', 'trainSize', 'layerDecay', 'ema', 'clipNorm', 'accumulate', 'patience',
  'checkpointMinutes',
]; // prettier-ignore

const RULES: readonly Rule[] = [
  {
    flags: STAGE_TWO,
    to: 'stage 2',
    holds: ({ epochs }) => epochs > 0,
    instead: () => '--epochs 0, which leaves it out',
    isOfStage: true,
  },
  {
    flags: ['augment', 'raN', 'raM', 'minCrop', 'colorJitter', 'randomErasing'],
    to: 'stage 2 or --head-views',
    holds: ({ epochs, head }) => epochs > 0 || head.views > 0,
    instead: () => '--epochs 0 without --head-views',
    isOfStage: true,
  },
  scheduled('stepSize', 'step'),
  scheduled('gamma', 'step', 'exponential', 'plateau'),
  scheduled('schedulePatience', 'plateau'),
  scheduled('minLr', 'step', 'exponential', 'cosine', 'onecycle', 'plateau'),
  {
    flags: ['momentum'],
    to: '--optimizer sgd',
    holds: ({ optimizer }) => optimizer.kind === 'sgd',
    instead: ({ optimizer }) => `--optimizer ${optimizer.kind}`,
  },
  {
    flags: ['raN', 'raM'],
    to: '--augment randaugment',
    holds: (settings) => augmentOf(settings) === 'randaugment',
    instead: (settings) => `--augment ${augmentOf(settings)}`,
  },
  {
    flags: ['minCrop', 'colorJitter', 'randomErasing', 'headViews'],
    to: '--augment basic, randaugment, trivialaugment',
    holds: (settings) => settings.augment !== undefined,
    instead: () => '--augment none',
  },
  {
    flags: ['layerDecay'],
    to: 'one network',
    holds: ({ join }) => join === undefined,
    instead: () => '--join, whose two networks stand beside each other',
  },
  {
    flags: ['cachedViews'],
    to: '--train-from LAYER',
    holds: ({ trainFrom }) => trainFrom !== undefined,
    instead: () => 'a stage 2 in which all layers learn',
  },
  {
    flags: ['mixup', 'cutmix'],
    to: 'pictures',
    holds: ({ cachedViews }) => cachedViews === 0,
    instead: ({ cachedViews }) => `--cached-views ${cachedViews}, which keeps no pictures to mix`,
  },
  {
    flags: ['labelSmoothing'],
    to: '--loss cross-entropy',
    holds: ({ loss = 'cross-entropy' }) => loss === 'cross-entropy',
    instead: ({ loss }) => `--loss ${loss}`,
  },
  {
    flags: ['classWeights'],
    to: '--loss cross-entropy or bce-logits',
    holds: ({ loss }) => loss !== 'bce',
    instead: () => '--loss bce',
  },
  {
    flags: ['headC'],
    to: 'a head that converges',
    holds: ({ head }) => head.method === 'converged',
    instead: ({ recipe }) => (recipe === 'tutorial' ? '--recipe tutorial' : '--head-lr, which chooses Adam'),
  },
  {
    flags: ['headLr', 'headC', 'headViews'],
    to: 'stage 1',
    holds: ({ head }) => head.epochs > 0,
    instead: () => '--head-epochs 0, which leaves it out',
    isOfStage: true,
  },
];

/** @throws AppError USAGE naming the flag and what it belongs to */
export function checkBelonging(flags: FinetuneFlags, settings: TrainSettings): void {
  const page = (['findLr', 'previewAugment'] as const).find((name) => flags[name] !== undefined);
  if (page !== undefined && flags.out !== undefined) {
    throw new AppError(
      'USAGE',
      `--out is the folder of a run, and ${flagName(page)} makes a page: ${flagName(page)} FILE.html says where; leave --out out`,
    );
  }
  if (page !== undefined && flags.minutes !== undefined) {
    throw new AppError(
      'USAGE',
      `--minutes is the length of a run, and ${flagName(page)} makes a page; leave one of them out`,
    );
  }
  const ofRuns = (['patience', 'checkpointMinutes', 'tensorboard'] as const).find((name) => flags[name]);
  if (page !== undefined && ofRuns !== undefined) {
    throw new AppError('USAGE', `${flagName(ofRuns)} belongs to a run, and ${flagName(page)} makes a page; leave one of them out`); // prettier-ignore
  }
  if (settings.minutes !== undefined && flags.epochs !== undefined && settings.epochs > 0) {
    throw new AppError('USAGE', '--epochs and --minutes both say how long a run is; leave one of them out');
  }
  checkSizes(settings);
  // A flag with the value 0 asks for nothing, so it counts as not given.
  const isGiven = (name: Flag) => flags[name] !== undefined && Number(flags[name]) !== 0;
  for (const { flags: names, to, holds, instead, isOfStage } of RULES) {
    if (page !== undefined && isOfStage) continue;
    const ignored = names.find(isGiven);
    if (ignored === undefined || holds(settings)) continue;
    throw new AppError(
      'USAGE',
      `${flagName(ignored)} belongs to ${to}, received ${instead(settings)}; leave one of them out`,
    );
  }
}

/** @throws AppError USAGE where several sizes were asked for, and cannot be had one after the other */
function checkSizes({ trainSizes = [], epochs, cachedViews, minutes }: TrainSettings): void {
  if (trainSizes.length <= 1) return;
  const problem =
    minutes !== undefined ? '--minutes plans by the steps of one size; give one size, or --epochs instead of --minutes'
    : cachedViews > 0 ? `the views of --cached-views ${cachedViews} are kept in one size; give one size, or leave --cached-views out`
    : trainSizes.some((side, i) => side < (trainSizes[i - 1] ?? 0)) ? 'several sizes go from small to large'
    : epochs > 0 && epochs < trainSizes.length ? `each size needs an epoch, received --epochs ${epochs}; give fewer sizes, or raise --epochs`
    : undefined; // prettier-ignore
  if (problem !== undefined) throw new AppError('USAGE', `--train-size ${trainSizes.join(',')}: ${problem}`);
}

/** `labelSmoothing` -> `--label-smoothing` */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
