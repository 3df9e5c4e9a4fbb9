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
  'featureSize' | 'crop' | 'featurePool' | 'headC' | 'trainFrom' | 'cachedViews' | 'epochs'
>;

export interface Plan {
  readonly flags: Planned;
  /** Of the parts, as reckoned; for people. */
  readonly seconds: { readonly head: number; readonly views: number; readonly epoch: number };
}

/** Pictures seen larger than the network was trained on help it: FixRes (Touvron and others, 2019) found 1.15 to 1.3 times. */
export const LARGER = 9 / 7;
/** The larger size is used where it leaves most of the time. */
const LARGER_SHARE = 0.3;
/** A head that takes more than this share of the time does not fit safely. */
const HEAD_SHARE = 0.9;
/** A training step of a part of the network, in forward passes of that part: measured 3 to 4.5. */
const STEP = 4;
/** Crops, flips and the reading of maps, in seconds a picture. */
const VIEW = 0.002;
/** Epochs and views that stage 2 needs to be worth its time. */
const [EPOCHS, VIEWS] = [8, 4];
/** Of the network, behind a cut: less cannot learn more than the head, and more gains little by a cut. */
const [LEAST_BEHIND, MOST_BEHIND] = [0.08, 0.7];
const CLOSE = 0.03;

export const roundedSide = (side: number): number => Math.round(side / 32) * 32;

/** @throws AppError USAGE where the time is too short for a head */
export function planRun(request: PlanRequest): Plan {
  const { seconds, costs, train, val, side, flags } = request;
  const { decode, forward } = costs;
  const headOf = (scale: number) => (train + val) * (decode + forward * scale ** 2);
  const mayGrow = request.takesOtherSizes && flags.featureSize === undefined && flags.minSide === undefined;
  const larger = mayGrow && headOf(LARGER) <= LARGER_SHARE * seconds;
  const scale = larger ? LARGER : 1;
  const head = headOf(scale);
  if (head > HEAD_SHARE * seconds) {
    const needed = Math.ceil((head / HEAD_SHARE / 60) * 10 + 1) / 10;
    throw new AppError(
      'USAGE',
      `--minutes: the head alone takes about ${needed} minutes for ${train + val} pictures on this machine; give at least so much, or choose a smaller network with --model`,
    );
  }
  const own: Planned = {
    ...(larger && {
      featureSize: `${roundedSide(side * scale)}`,
      ...(flags.crop === undefined && { crop: '1' }),
    }),
    ...(request.hasPlaces && flags.featurePool === undefined && flags.layer === undefined && { featurePool: 'avg+max' }), // prettier-ignore
    ...(flags.headC === undefined && flags.headLr === undefined && { headC: 'auto' }),
  };
  const pass = forward * scale ** 2;
  const left = seconds - head;
  const two = stageTwo(request, pass, left);
  return {
    flags: { ...own, ...two.flags },
    seconds: { head, views: two.views, epoch: two.epoch },
  };
}

interface StageTwoPlan {
  readonly flags: Pick<Planned, 'trainFrom' | 'cachedViews' | 'epochs'>;
  readonly views: number;
  readonly epoch: number;
}

/** The most of the network that can learn in the time: all of it, or what stands behind the first cut that fits. */
function stageTwo(request: PlanRequest, pass: number, seconds: number): StageTwoPlan {
  const { train, val, places, flags, costs } = request;
  const whole = { views: train * costs.decode, epoch: train * (STEP * pass + VIEW) + val * pass };
  const fits = ({ views, epoch }: { readonly views: number; readonly epoch: number }) =>
    views + EPOCHS * epoch <= seconds;
  if (flags.epochs !== undefined) return { flags: {}, views: 0, epoch: 0 };
  if (flags.trainFrom !== undefined || flags.cachedViews !== undefined) return { flags: {}, ...whole };
  if (places.length > 0 && fits(whole)) return { flags: {}, ...whole };
  const fair = places.filter(({ share }) => share >= LEAST_BEHIND && share <= MOST_BEHIND);
  for (const [i, { first, share, shape }] of fair.entries()) {
    const numbers = elementCount(shape);
    // Another place with less to keep stands close behind.
    const isWide = fair.slice(i + 1).some((other) => other.share > share - CLOSE && elementCount(other.shape) <= numbers); // prettier-ignore
    if (isWide || (VIEWS * train * 2 + val * 4) * numbers > MAX_MAPS_BYTES) continue;
    const front = (1 - share) * pass + VIEW;
    const cut = {
      views: train * costs.decode + (VIEWS * train + val) * front,
      epoch: train * (STEP * share * pass + VIEW) + val * share * pass,
    };
    if (fits(cut)) return { flags: { trainFrom: first, cachedViews: `${VIEWS}` }, ...cut };
  }
  // Flags of stage 2 would be refused without a stage 2; it finds out then that no time is left.
  const isAsked = STAGE_TWO.some((name) => flags[name] !== undefined);
  return { flags: isAsked ? {} : { epochs: '0' }, views: 0, epoch: 0 };
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

/** Epochs of equal length that fill the time; none where it is too short. */
export function planSteps({ seconds, step, around, steps }: StepCosts): StepPlan {
  const epochs = Math.max(1, Math.ceil(seconds / (steps * step + around)));
  const stepsPerEpoch = Math.min(steps, Math.floor((seconds / epochs - around) / step));
  return stepsPerEpoch < LEAST_EPOCH * steps
    ? { epochs: 0, stepsPerEpoch: steps }
    : { epochs, stepsPerEpoch };
}
