// setting-names.ts: what people call a setting of a run, by its path in the run's record: `schedule.rate` is the learning rate.

const NAMES: Readonly<Record<string, string>> = {
  model: 'started from',
  join: 'joined with',
  layers: 'head on layers',
  pool: 'places pooled to',
  mirror: 'mirror images',
  epochs: 'epochs of stage 2',
  batchSize: 'batch size',
  'head.method': 'head trained by',
  'head.epochs': 'epochs of the head',
  'head.rate': 'learning rate of the head',
  'head.c': 'C of the head',
  'head.views': 'views for the head',
  'optimizer.kind': 'optimizer',
  'optimizer.momentum': 'momentum',
  'optimizer.nesterov': 'Nesterov momentum',
  'optimizer.weightDecay': 'weight decay',
  'optimizer.betas': 'betas',
  'optimizer.epsilon': 'epsilon',
  'schedule.name': 'schedule',
  'schedule.rate': 'learning rate',
  'schedule.minRate': 'least learning rate',
  'schedule.stepSize': 'epochs between drops',
  'schedule.gamma': 'factor of each drop',
  'schedule.patience': 'patience of the schedule',
  'schedule.warmup': 'warmup epochs',
  labelSmoothing: 'label smoothing',
  classWeights: 'class weights',
  'augment.crop.scale': 'area of random crops',
  'augment.crop.ratio': 'shape of random crops',
  'augment.flip': 'flips',
  'augment.policy.name': 'augmentation',
  'augment.policy.count': 'augmentations a picture',
  'augment.policy.magnitude': 'strength of augmentations',
  'augment.erase.probability': 'random erasing',
  'augment.erase.scale': 'area of random erasing',
  'augment.erase.ratio': 'shape of random erasing',
  'augment.jitter.brightness': 'jitter of brightness',
  'augment.jitter.contrast': 'jitter of contrast',
  'augment.jitter.saturation': 'jitter of saturation',
  'augment.jitter.hue': 'jitter of hue',
  'mix.mixup': 'mixup',
  'mix.cutmix': 'cutmix',
  batchNorm: 'batch norm',
  trainFrom: 'learns from layer',
  trainSizes: 'picture size in training',
  layerDecay: 'decay of the rate by layers',
  cachedViews: 'cached views',
  valSplit: 'set aside to judge by',
  gainWithin: 'epochs to gain within',
  ema: 'averaged weights',
  clipNorm: 'norm of gradients at most',
  accumulate: 'batches a step',
};

/** Of a setting that is not listed, the words of its path. */
export const settingName = (path: string): string =>
  Object.hasOwn(NAMES, path)
    ? NAMES[path]!
    : path.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll('.', ' ');

const POLICIES: Readonly<Record<string, string>> = {
  randaugment: 'RandAugment',
  trivial: 'TrivialAugment',
};

/** A yes or no; anything else as text. */
export type SettingValue = string | boolean;

/** @param path of the setting: datasets and models may have any name */
export function settingValue(path: string, value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return path === 'augment.policy.name' && Object.hasOwn(POLICIES, value) ? POLICIES[value]! : value;
}
