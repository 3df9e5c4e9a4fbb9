// plan.ts: what a run does with the minutes it is given. The machine is measured first, and the plan of stage 1 is made of flags
// that a user could have given; how many steps stage 2 takes is decided when it begins, from steps that were timed.

import type { GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { STAGE_TWO } from '../../config/belongs.ts';
import type { CutPlace } from '../../graph/cut.ts';
import { AppError } from '../../util/errors.ts';
import { elementCount } from '../../util/shape.ts';
import { MAX_MAPS_BYTES } from './cached-prefix.ts';

/** Seconds that one picture takes. */
export interface Costs {
  /** To be read, decoded and made small, by all workers together. */
  readonly decode: number;
  /** To go through the whole network, at the network's own size. */
  readonly forward: number;
}

export interface PlanRequest {
  /** Left of the time that was given. */
  readonly seconds: number;
  readonly costs: Costs;
  readonly train: number;
  readonly val: number;
  /** Side of the pictures of the network. */
  readonly side: number;
  /** Whether the network looks at pictures of another size too. */
  readonly takesOtherSizes: boolean;
  /** Whether the mean of places goes into the classifier, so that their maximum can go too. */
  readonly hasPlaces: boolean;
  /** Where the network can be cut, for pictures of that side; empty where it does not learn. */
  readonly places: readonly CutPlace[];
  /** As given: what they say is not planned. */
  readonly flags: GivenFinetuneFlags;
}

type Planned = Pick<
  GivenFinetuneFlags,
  | 'featureSize'
  | 'crop'
  | 'featureLayers'
  | 'featurePool'
  | 'headC'
  | 'trainFrom'
  | 'trainSize'
  | 'cachedViews'
  | 'epochs'
>;

export interface Plan {
  readonly flags: Planned;
  /** Of the parts, as reckoned; for people. */
  readonly seconds: { readonly head: number; readonly views: number; readonly epoch: number };
}

/** Pictures seen larger than the network was trained on help it: FixRes (Touvron and others, 2019) found 1.15 to 1.3 times. */
export const LARGER = 9 / 7;
/** The larger size is used where features in it leave so much of the time. */
const LARGER_SHARE = 0.6;
/** A head that takes more than this share of the time does not fit safely. */
const HEAD_SHARE = 0.9;
/** A training step of a part of the network, in forward passes of that part: 4.3 for EfficientNet-Lite0, 4.9 for ResNet-18. */
const STEP = 5;
/** Crops, flips and the reading of maps, in seconds a picture. */
const VIEW = 0.002;
/** Seconds for compiling, timing and writing. */
const AROUND = 6;
/** Epochs and views that stage 2 needs to be worth its time. */
const [EPOCHS, VIEWS] = [5, 4];
/** Of the network, behind a cut: less cannot learn more than the head, and more gains little by a cut. */
const [LEAST_BEHIND, MOST_BEHIND] = [0.08, 0.7];
/** Shares that are nearly the same. */
const CLOSE = 0.03;

export const roundedSide = (side: number): number => Math.round(side / 32) * 32;

/** @throws AppError USAGE where the time is too short for a head */
export function planRun(request: PlanRequest): Plan {
  const { seconds, costs, train, val, side, flags } = request;
  const headOf = (scale: number) =>
    (train + val) * (costs.decode + timesSeen(request) * costs.forward * scale ** 2);
  const mayGrow = request.takesOtherSizes && flags.featureSize === undefined && flags.minSide === undefined;
  const isLarger = mayGrow && headOf(LARGER) <= LARGER_SHARE * seconds;
  const scale = isLarger ? LARGER : 1;
  const head = headOf(scale);
  if (head > HEAD_SHARE * seconds) {
    const needed = Math.ceil((head / HEAD_SHARE / 60) * 10 + 1) / 10;
    throw new AppError(
      'USAGE',
      `--minutes: the head alone takes about ${needed} minutes for ${train + val} pictures on this machine; give at least so much, or choose a smaller network with --model`,
    );
  }
  const own: Planned = {
    ...(isLarger && {
      featureSize: `${roundedSide(side * scale)}`,
      ...(flags.crop === undefined && { crop: '1' }),
    }),
    ...(request.hasPlaces && HEAD_INPUT.every((name) => flags[name] === undefined) && { featurePool: 'avg+max' }),
    ...(flags.headC === undefined && flags.headLr === undefined && flags.recipe !== 'tutorial' && { headC: 'auto' }),
  }; // prettier-ignore
  const two = stageTwo(request, scale, seconds - head - AROUND);
  return {
    flags: { ...own, ...two.flags },
    seconds: { head, views: two.views, epoch: two.epoch },
  };
}

/** How often the network runs for a picture that is judged. */
const timesSeen = ({ flags }: PlanRequest) => (flags.featureMirror ? 2 : 1);

/** What says what the head is put on. Beside the means of two networks, maxima have gained nothing. */
const HEAD_INPUT = ['featureLayers', 'featurePool', 'layer', 'join'] as const;

interface StageTwoPlan {
  readonly flags: Pick<Planned, 'trainFrom' | 'trainSize' | 'cachedViews' | 'epochs'>;
  readonly views: number;
  readonly epoch: number;
}

/**
 * The most of the network that can learn in the time: all of it, or what stands behind the first cut that fits; from pictures of the
 * size that is judged or, where that takes too long, of the network's own.
 */
function stageTwo(request: PlanRequest, scale: number, seconds: number): StageTwoPlan {
  const { places, flags, side } = request;
  if (flags.epochs !== undefined || places.length === 0) return NO_STAGE_TWO;
  const judged = timesSeen(request) * request.costs.forward * scale ** 2;
  const isCut = flags.trainFrom !== undefined || flags.cachedViews !== undefined;
  const sizes = scale > 1 && flags.trainSize === undefined ? [scale, 1] : [scale];
  for (const learnt of sizes) {
    const size = learnt < scale ? { trainSize: `${side}` } : {};
    const whole = wholeNetwork(request, learnt, judged);
    const parts = isCut ? [whole] : [whole, ...cuts(request, learnt, judged)];
    const found = parts.find(({ views, epoch }) => views + EPOCHS * epoch <= seconds);
    if (found) return { ...found, flags: { ...size, ...found.flags } };
  }
  // Flags of stage 2 would be refused without a stage 2; it finds out then that no time is left.
  const isAsked = STAGE_TWO.some((name) => flags[name] !== undefined);
  return isAsked ? NO_STAGE_TWO : { ...NO_STAGE_TWO, flags: { epochs: '0' } };
}

const NO_STAGE_TWO: StageTwoPlan = { flags: {}, views: 0, epoch: 0 };

function wholeNetwork({ train, val, costs }: PlanRequest, scale: number, judged: number): StageTwoPlan {
  const epoch = train * (STEP * costs.forward * scale ** 2 + VIEW) + val * judged;
  return { flags: {}, views: train * costs.decode, epoch };
}

/** From the cut that leaves most of the network to learn to the one that leaves least. */
function cuts(
  { train, val, places, costs }: PlanRequest,
  scale: number,
  judged: number,
): readonly StageTwoPlan[] {
  const pass = costs.forward * scale ** 2;
  const fair = places.filter(({ share }) => share >= LEAST_BEHIND && share <= MOST_BEHIND);
  const kept = fair.filter(({ share, shape }, i) => {
    const numbers = elementCount(shape);
    // Another place with less to keep stands close behind.
    const isWide = fair
      .slice(i + 1)
      .some((other) => other.share > share - CLOSE && elementCount(other.shape) <= numbers);
    return !isWide && (VIEWS * train * 2 * scale ** 2 + val * LARGER ** 2 * 4) * numbers <= MAX_MAPS_BYTES;
  });
  return kept.map(({ first, share }) => ({
    flags: { trainFrom: first, cachedViews: `${VIEWS}` },
    views: train * (costs.decode + VIEWS * ((1 - share) * pass + VIEW)) + val * (1 - share) * judged,
    epoch: train * (STEP * share * pass + VIEW) + val * share * judged,
  }));
}

/** How long stage 2 is, as plain data: kept in the run's folder, so that a run that goes on does the same. */
export interface StepPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

export interface StepCosts {
  /** Left for stage 2. */
  readonly seconds: number;
  readonly step: number;
  /** Of an epoch besides its steps: judging, writing. */
  readonly around: number;
  /** Steps that an epoch of all pictures has. */
  readonly steps: number;
}

/** Below this share of all pictures, a single epoch has seen too little to be worth judging. */
const LEAST_EPOCH = 0.3;

/** More epochs than these gain nothing, however small the dataset. */
const MOST_EPOCHS = 100;

/** Epochs of equal length that fill the time; none where it is too short. */
export function planSteps({ seconds, step, around, steps }: StepCosts): StepPlan {
  const whole = Math.max(0, Math.floor(seconds / (steps * step + around)));
  if (whole >= MOST_EPOCHS) return { epochs: MOST_EPOCHS, stepsPerEpoch: steps };
  // One more than whole ones would fit, each of them shorter.
  const stepsPerEpoch = Math.min(steps, Math.floor((seconds / (whole + 1) - around) / step));
  if (stepsPerEpoch >= LEAST_EPOCH * steps) return { epochs: whole + 1, stepsPerEpoch };
  return { epochs: whole, stepsPerEpoch: steps };
}
