// settings-in-words.ts: a run's settings as people read them. Only those that have an effect on the run are named.

import type { TrainSettings } from '../../config/finetune-settings.ts';
import type { Optimizer } from '../../engine/training.ts';
import { SCHEDULE_DEFAULTS, type ScheduleSpec } from '../../train/schedule.ts';

type Line = readonly [name: string, value: string];

export interface DescribedRun {
  readonly model: string;
  readonly settings: TrainSettings;
  /** Whether the dataset was divided by finch: it has no part of its own to judge by. */
  readonly isSplit: boolean;
  readonly multiLabel: boolean;
  /** Epochs of stage 2 after which it went on with more of them, having been finished. */
  readonly continuedAfter: readonly number[];
}

export function settingsInWords({
  model,
  settings,
  isSplit,
  multiLabel,
  continuedAfter,
}: DescribedRun): readonly Line[] {
  const { recipe, join, layers, pool, mirror, head, epochs, seed, valSplit } = settings;
  return [
    ['started from', model],
    ...(join === undefined ? [] : [['joined with', join] as const]),
    ...(layers
      ? [['head on', `${layers.length === 1 ? 'layer' : 'layers'} ${layers.join(', ')}`] as const]
      : []),
    ...(pool ? [['places pooled to', POOLED[pool]] as const] : []),
    ...(mirror ? [['head takes', 'the mean over each picture and its mirror image'] as const] : []),
    ['recipe', recipe],
    ...(isSplit ? [['set aside to judge by', `${percent(valSplit)} of the pictures`] as const] : []),
    ['stage 1, the head', headText(head)],
    ['stage 2, all weights', epochs === 0 ? 'left out' : `up to ${plural(epochs, 'epoch')}`],
    ...(continuedAfter.length > 0
      ? [
          [
            'went on, once finished',
            `after epoch ${continuedAfter.join(' and ')}, the learning rate anew over the epochs from there`,
          ] as const,
        ]
      : []),
    ...(epochs === 0 ? [] : stageTwo(settings, multiLabel)),
    ['seed', `${seed}`],
  ];
}

const POOLED = {
  avg: 'their mean',
  max: 'their maximum',
  'avg+max': 'their mean and their maximum',
} as const;

function headText({ method, epochs, rate, c, views }: TrainSettings['head']): string {
  if (epochs === 0) return 'left out';
  if (method === 'adam') return `${plural(epochs, 'epoch')} of Adam at a rate of ${short(rate)}`;
  const seen = views > 0 ? `, from ${plural(views, 'augmented view')} of each picture too` : '';
  return `trained until it converged, C ${c === 'auto' ? 'by cross-validation' : short(c)}${seen}`;
}

function stageTwo(settings: TrainSettings, multiLabel: boolean): readonly Line[] {
  const { batchSize, optimizer, schedule, loss, labelSmoothing, classWeights, sampler } = settings;
  const {
    batchNorm,
    trainFrom,
    trainSizes,
    layerDecay,
    cachedViews,
    gainWithin,
    patience,
    ema,
    clipNorm,
    accumulate,
  } = settings;
  const usualLoss = multiLabel ? 'bce-logits' : 'cross-entropy';
  const lines: readonly (Line | false | undefined)[] = [
    ['batch size', accumulate > 1 ? `${batchSize}, gradients of ${accumulate} batches averaged` : `${batchSize}`],
    ['optimizer', optimizerText(optimizer)],
    ['learning rate', scheduleText(schedule)],
    ['loss', loss ?? usualLoss],
    labelSmoothing > 0 && ['label smoothing', short(labelSmoothing)],
    classWeights && ['class weights', 'rare classes weigh more'],
    sampler === 'weighted' && ['sampler', 'every class is drawn equally often'],
    ['augmentation', augmentationText(settings)],
    ['batch norm', batchNorm === 'frozen' ? 'statistics stay as they were' : 'statistics of each batch'],
    trainFrom !== undefined && ['learns from', `layer ${trainFrom} on`],
    layerDecay !== undefined && ['rate of a block', `${short(layerDecay)} of that of the block behind it`],
    trainSizes && ['learns from', sizesText(trainSizes)],
    cachedViews > 0 && ['before that layer', `computed once, for ${plural(cachedViews, 'view')} of each picture`],
    ema > 0 && ['averaged weights', ema === 1 ? 'over a share of the run' : `decay ${short(ema)}`],
    clipNorm > 0 && ['gradients', `scaled down to a norm of ${short(clipNorm)}`],
    gainWithin !== undefined && ['ends by itself', `after ${plural(gainWithin, 'epoch')} that gain nothing`],
    patience !== undefined && ['stops early', `after ${plural(patience, 'epoch')} without improvement`],
  ]; // prettier-ignore
  return lines.filter((line) => line !== false && line !== undefined);
}

function sizesText(sides: readonly number[]): string {
  return sides.length === 1
    ? `pictures of ${sides[0]} pixels`
    : `pictures of ${sides.join(', then ')} pixels, each for an equal share of the epochs`;
}

/** What a finished run does that goes on with more epochs. @param after epochs of stage 2 that it has done */
export function longerText({ epochs, schedule }: TrainSettings, after: number): string {
  if (after === 0) return `goes on with stage 2, of up to ${plural(epochs, 'epoch')}`;
  const count = epochs - after;
  return `goes on at epoch ${after + 1} of ${epochs}; the learning rate begins anew, over ${count === 1 ? 'the new epoch' : `the ${count} new epochs`}: ${scheduleText(schedule)}`;
}

const OPTIMIZERS = { sgd: 'SGD', adam: 'Adam', adamw: 'AdamW' } as const satisfies Record<
  Optimizer['kind'],
  string
>;

function optimizerText(optimizer: Optimizer): string {
  const parts = [
    OPTIMIZERS[optimizer.kind],
    optimizer.kind === 'sgd' && optimizer.momentum && `momentum ${short(optimizer.momentum)}`,
    optimizer.weightDecay && `weight decay ${short(optimizer.weightDecay)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** What each schedule does with its own numbers. */
const CURVES = {
  constant: () => 'constant',
  step: ({ gamma, stepSize }) => `times ${short(gamma)} every ${plural(stepSize, 'epoch')}`,
  exponential: ({ gamma }) => `times ${short(gamma)} every epoch`,
  cosine: () => 'falling along a cosine',
  onecycle: () => 'at most: one cycle up and down',
  plateau: ({ gamma, patience }) =>
    `times ${short(gamma)} after ${plural(patience, 'epoch')} without improvement`,
} as const satisfies Record<ScheduleSpec['name'], (spec: Required<ScheduleSpec>) => string>;

function scheduleText(schedule: ScheduleSpec): string {
  const whole = { ...SCHEDULE_DEFAULTS, ...schedule };
  const { name, rate, minRate, warmup } = whole;
  const isFalling = name !== 'constant' && name !== 'onecycle';
  const parts = [
    `${short(rate)}, ${CURVES[name](whole)}`,
    isFalling && minRate > 0 && `not below ${short(minRate)}`,
    warmup > 0 && `growing from 0 over the first ${warmup === 1 ? 'epoch' : plural(warmup, 'epoch')}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** What is done to each picture before the network sees it in training. */
export function augmentationText({ augment, mix }: Pick<TrainSettings, 'augment' | 'mix'>): string {
  const mixed = mix && Object.entries(mix).map(([name, alpha]) => `${name} ${short(alpha)}`).join(', '); // prettier-ignore
  if (!augment) return ['no augmentation', mixed].filter(Boolean).join('; ');
  const { policy, jitter, erase, crop } = augment;
  const parts = [
    `random crops of at least ${percent(crop.scale[0])} of the area, flips`,
    policy && (policy.name === 'trivial' ? 'TrivialAugment' : `RandAugment: ${plural(policy.count, 'operation')} of magnitude ${policy.magnitude}`),
    jitter && `colour jitter ${jitter.brightness}`,
    erase && `random erasing with probability ${erase.probability}`,
    mixed,
  ]; // prettier-ignore
  return parts.filter(Boolean).join('; ');
}

const short = (value: number) => `${Number(value.toPrecision(4))}`;
const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`;
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
