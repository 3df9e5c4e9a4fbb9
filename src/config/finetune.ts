// finetune.ts: what the user wrote -> the configuration of finetune: flags over the recipe's values.

import { LOSSES, type FinetuneConfig, type FinetuneFlags, type TrainSettings } from './finetune-settings.ts';
import { inferenceConfig } from './inference.ts';
import { checkBelonging } from './belongs.ts';
import type { PreprocessingOverrides } from './preprocessing.ts';
import { asShare, htmlFile, MAX_BATCH, numberOr, parseChoice, parseNumber, parseNumbers } from './parse.ts';
import type { Optimizer } from '../engine/training.ts';
import type { MixSpec } from '../dataset/prepare-batch.ts';
import { SAMPLERS } from '../dataset/sampler.ts';
import { ERASE, IMAGENET_CROP, type AugmentSpec } from '../images/augment/augment.ts';
import { RECIPE_NAMES, RECIPES, type Recipe, type RecipeName } from '../train/recipe.ts';
import { SCHEDULES, type ScheduleSpec } from '../train/schedule.ts';
import { AppError } from '../util/errors.ts';
import { POOLS } from '../util/pooling.ts';
import { MAX_SIDE } from '../util/preprocessing.ts';

/** A rate beyond it is a typing error: nothing learns there. */
const MAX_RATE = 10;
export const MAX_EPOCHS = 100_000;
const MAX_SEED = 2 ** 32 - 1;
const MAX_VIEWS = 1000;
/** A month. */
const MAX_MINUTES = 43_200;

/** @throws AppError USAGE naming the flag, its range and what was received */
export function finetuneConfig(dataset: string, flags: FinetuneFlags): FinetuneConfig {
  const { manifest, root, out, findLr, previewAugment } = flags;
  const recipe = parseChoice(flags.recipe ?? 'default', '--recipe', RECIPE_NAMES);
  const settings = trainSettings(recipe, flags);
  // What learns is float32: a frozen part in 8 bits is asked for.
  const { batchSize: _, ...inference } = inferenceConfig([], { precision: 'float32', ...flags });
  const preprocessing = featureSize(inference.preprocessing, flags);
  return {
    ...inference,
    preprocessing,
    dataset,
    settings,
    mayDivide: flags.batchSize === undefined,
    tensorboard: flags.tensorboard ?? false,
    checkpointMinutes: numberOr(flags.checkpointMinutes, 5, {
      flag: '--checkpoint-minutes',
      min: 0,
      max: 1e6,
    }),
    ...(manifest !== undefined && { manifest }),
    ...(root !== undefined && { root }),
    ...(out !== undefined && { out }),
    ...(findLr !== undefined && {
      findRate: htmlFile(findLr === true ? 'find-lr.html' : findLr, '--find-lr'),
    }),
    ...(previewAugment !== undefined && { previewAugment: htmlFile(previewAugment, '--preview-augment') }),
  };
}

/** Pictures of another size than the network's own. @throws AppError USAGE where other flags say the size already */
function featureSize(overrides: PreprocessingOverrides, flags: FinetuneFlags): PreprocessingOverrides {
  const { featureSize: text, minSide, crop } = flags;
  if (text === undefined) return overrides;
  const size = parseNumber(text, { flag: '--feature-size', min: 1, max: MAX_SIDE, whole: true });
  if (minSide === undefined || crop === undefined) return { ...overrides, size };
  throw new AppError(
    'USAGE',
    `--feature-size ${size}: --min-side and --crop together say the size of the pictures already; leave one of the three out`,
  );
}

function trainSettings(name: RecipeName, flags: FinetuneFlags): TrainSettings {
  const recipe: Recipe = RECIPES[name];
  const { featurePool, trainFrom, trainSize, layerDecay, patience, loss, minutes } = flags;
  const layers = layersOf(flags);
  const augment = augmentSpec(flags, recipe);
  const mix = mixSpec(flags);
  const optimizer = optimizerOf(flags, recipe);
  const givesHeadRate = flags.headLr !== undefined;
  const settings: TrainSettings = {
    recipe: name,
    ...(flags.join !== undefined && { join: flags.join }),
    ...(layers && { layers }),
    ...(featurePool !== undefined && { pool: parseChoice(featurePool, '--feature-pool', POOLS) }),
    ...(flags.featureMirror && { mirror: true }),
    epochs: numberOr(flags.epochs, recipe.epochs, {
      flag: '--epochs',
      min: 0,
      max: MAX_EPOCHS,
      whole: true,
    }),
    batchSize: numberOr(flags.batchSize, recipe.batchSize, {
      flag: '--batch-size',
      min: 1,
      max: MAX_BATCH,
      whole: true,
    }),
    head: {
      method: givesHeadRate ? 'adam' : recipe.head.method,
      epochs: numberOr(flags.headEpochs, recipe.head.epochs, {
        flag: '--head-epochs',
        min: 0,
        max: MAX_EPOCHS,
        whole: true,
      }),
      rate: rateOr(flags.headLr, recipe.head.rate, '--head-lr'),
      c: penaltyOf(flags.headC),
      views: numberOr(flags.headViews, 0, { flag: '--head-views', min: 0, max: 100, whole: true }),
    },
    optimizer,
    schedule: scheduleOf(flags, recipe, usualRate(optimizer.kind, recipe)),
    ...(loss !== undefined && { loss: parseChoice(loss, '--loss', LOSSES) }),
    labelSmoothing: numberOr(flags.labelSmoothing, recipe.labelSmoothing, {
      flag: '--label-smoothing',
      min: 0,
      max: 0.999,
    }),
    classWeights: flags.classWeights ?? false,
    ...(augment && { augment }),
    ...(mix && { mix }),
    sampler: parseChoice(flags.sampler ?? 'shuffle', '--sampler', SAMPLERS),
    batchNorm: parseChoice(flags.batchNorm ?? recipe.batchNorm, '--batch-norm', ['train', 'frozen'] as const),
    ...(trainFrom !== undefined && { trainFrom }),
    cachedViews: numberOr(flags.cachedViews, 0, {
      flag: '--cached-views',
      min: 0,
      max: MAX_VIEWS,
      whole: true,
    }),
    ...(trainSize !== undefined && {
      trainSizes: parseNumbers(trainSize, { flag: '--train-size', min: 1, max: MAX_SIDE, whole: true }),
    }),
    ...(layerDecay !== undefined && {
      layerDecay: parseNumber(layerDecay, { flag: '--layer-decay', min: 0, above: true, max: 1 }),
    }),
    ...(minutes !== undefined && {
      minutes: parseNumber(minutes, { flag: '--minutes', min: 0, above: true, max: MAX_MINUTES }),
    }),
    valSplit: numberOr(flags.valSplit, recipe.valSplit, {
      flag: '--val-split',
      min: 0,
      above: true,
      max: 0.9,
      hint: asShare,
    }),
    seed: numberOr(flags.seed, 0, { flag: '--seed', min: 0, max: MAX_SEED, whole: true }),
    ...(patience !== undefined && {
      patience: parseNumber(patience, { flag: '--patience', min: 1, whole: true }),
    }),
    ...(endsByItself(flags) && recipe.gainWithin !== undefined && { gainWithin: recipe.gainWithin }),
    ema: numberOr(flags.ema, recipe.ema, { flag: '--ema', min: 0, max: 1 }),
    clipNorm: numberOr(flags.clipNorm, recipe.clipNorm, { flag: '--clip-norm', min: 0 }),
    accumulate: numberOr(flags.accumulate, 1, { flag: '--accumulate', min: 1, max: 1024, whole: true }),
  };
  if (settings.epochs === 0 && settings.head.epochs === 0) {
    throw new AppError('USAGE', '--epochs 0 and --head-epochs 0 leave nothing to do; raise one of them');
  }
  checkBelonging(flags, settings);
  return settings;
}

/** Nobody has said how long stage 2 is, or when it ends. A run of `--minutes` decides when its length is known. */
function endsByItself({ epochs, patience, minutes }: FinetuneFlags): boolean {
  return epochs === undefined && patience === undefined && minutes === undefined;
}

/** @throws AppError USAGE where both flags say what the head is put on */
function layersOf({ layer, featureLayers }: FinetuneFlags): readonly string[] | undefined {
  if (layer !== undefined && featureLayers !== undefined) {
    throw new AppError(
      'USAGE',
      '--layer and --feature-layers both say what the head is put on; leave one of them out',
    );
  }
  return layer === undefined ? featureLayers?.split(',').map((name) => name.trim()) : [layer];
}

function penaltyOf(text: string | undefined): number | 'auto' {
  if (text === undefined) return 1;
  return text === 'auto'
    ? 'auto'
    : parseNumber(text, { flag: '--head-c', min: 0, above: true, max: 1e6, hint: orAuto });
}

const orAuto = (value: number) => (Number.isNaN(value) ? 'auto' : undefined);

/** Where the recipe has another optimizer. */
const MOMENTUM = 0.9;

/** Momentum is SGD's: who gives it asks for SGD. */
function optimizerOf(flags: FinetuneFlags, recipe: Recipe): Optimizer {
  const usual = flags.momentum === undefined ? recipe.optimizer.kind : 'sgd';
  const kind = parseChoice(flags.optimizer ?? usual, '--optimizer', ['sgd', 'adam', 'adamw'] as const);
  const weightDecay = numberOr(flags.weightDecay, recipe.optimizer.weightDecay ?? 0, {
    flag: '--weight-decay',
    min: 0,
    max: 1,
  });
  if (kind === 'sgd') {
    const own = recipe.optimizer.kind === 'sgd' ? recipe.optimizer.momentum : undefined;
    const momentum = numberOr(flags.momentum, own ?? MOMENTUM, { flag: '--momentum', min: 0, max: 0.9999 });
    return { kind, momentum, weightDecay };
  }
  return { kind, weightDecay };
}

/** Rates that suit Adam are smaller than SGD's. */
const ADAM_SHARE = 0.02;

/** The recipe's, for its own optimizer or what suits another. */
function usualRate(kind: Optimizer['kind'], { optimizer, schedule }: Recipe): number {
  if ((kind === 'sgd') === (optimizer.kind === 'sgd')) return schedule.rate;
  return kind === 'sgd' ? schedule.rate / ADAM_SHARE : schedule.rate * ADAM_SHARE;
}

function scheduleOf(flags: FinetuneFlags, { schedule }: Recipe, usual: number): ScheduleSpec {
  const { stepSize, gamma, minLr, schedulePatience } = flags;
  const name = parseChoice(flags.schedule ?? schedule.name, '--schedule', SCHEDULES);
  const own = name === schedule.name ? schedule : { warmup: schedule.warmup ?? 0 };
  return {
    ...own,
    name,
    rate: rateOr(flags.lr, usual, '--lr'),
    warmup: numberOr(flags.warmupEpochs, schedule.warmup ?? 0, {
      flag: '--warmup-epochs',
      min: 0,
      max: MAX_EPOCHS,
    }),
    ...(minLr !== undefined && { minRate: parseNumber(minLr, { flag: '--min-lr', min: 0, max: MAX_RATE }) }),
    ...(stepSize !== undefined && {
      stepSize: parseNumber(stepSize, { flag: '--step-size', min: 1, max: MAX_EPOCHS, whole: true }),
    }),
    ...(gamma !== undefined && {
      gamma: parseNumber(gamma, { flag: '--gamma', min: 0, above: true, max: 1 }),
    }),
    ...(schedulePatience !== undefined && {
      patience: parseNumber(schedulePatience, {
        flag: '--schedule-patience',
        min: 0,
        max: MAX_EPOCHS,
        whole: true,
      }),
    }),
  };
}

const AUGMENTS = ['basic', 'randaugment', 'trivialaugment', 'none'] as const;

function augmentSpec(flags: FinetuneFlags, { minCrop }: Recipe): AugmentSpec | undefined {
  const name = parseChoice(flags.augment ?? 'basic', '--augment', AUGMENTS);
  if (name === 'none') return undefined;
  const { colorJitter, randomErasing } = flags;
  const smallest = numberOr(flags.minCrop, minCrop, { flag: '--min-crop', min: 0, above: true, max: 1, hint: asShare }); // prettier-ignore
  const jitter = colorJitter === undefined ? undefined : jitterRanges(parseNumber(colorJitter, { flag: '--color-jitter', min: 0, max: 1 })); // prettier-ignore
  const erasing = randomErasing === undefined ? undefined : parseNumber(randomErasing, { flag: '--random-erasing', min: 0, max: 1, hint: asShare }); // prettier-ignore
  return {
    crop: { scale: [smallest, 1], ratio: IMAGENET_CROP.ratio },
    flip: 0.5,
    ...(name === 'randaugment' && { policy: randAugment(flags) }),
    ...(name === 'trivialaugment' && { policy: { name: 'trivial' } }),
    ...(jitter && { jitter }),
    ...(erasing !== undefined && { erase: { ...ERASE!, probability: erasing } }),
  };
}

/** timm's `--color-jitter`: brightness, contrast and saturation alike, the hue stays. */
function jitterRanges(by: number): NonNullable<AugmentSpec['jitter']> {
  return { brightness: by, contrast: by, saturation: by, hue: 0 };
}

function randAugment({ raN, raM }: FinetuneFlags): NonNullable<AugmentSpec['policy']> {
  return {
    name: 'randaugment',
    count: numberOr(raN, 2, { flag: '--ra-n', min: 0, max: 20, whole: true }),
    magnitude: numberOr(raM, 3, { flag: '--ra-m', min: 0, max: 10 }),
  };
}

function mixSpec({ mixup, cutmix }: FinetuneFlags): MixSpec | undefined {
  const parameter = (text: string, flag: string) =>
    parseNumber(text, { flag, min: 0, above: true, max: 100 });
  if (mixup === undefined && cutmix === undefined) return undefined;
  return {
    ...(mixup !== undefined && { mixup: parameter(mixup, '--mixup') }),
    ...(cutmix !== undefined && { cutmix: parameter(cutmix, '--cutmix') }),
  };
}

function rateOr(text: string | undefined, otherwise: number, flag: string): number {
  return numberOr(text, otherwise, { flag, min: 0, above: true, max: MAX_RATE });
}
