// schedule.ts: the learning rate at each moment of a run, as PyTorch's lr_scheduler gives it. Pure functions: a rate
// depends only on where the run stands, so a resumed run needs nothing but the place where it stopped.

export const SCHEDULES = ['constant', 'step', 'exponential', 'cosine', 'onecycle', 'plateau'] as const;
type ScheduleName = (typeof SCHEDULES)[number];

/** Plain data. Rates are per step of the optimizer, times are in epochs. */
export interface ScheduleSpec {
  readonly name: ScheduleName;
  /** The rate to begin with; onecycle's is the highest. */
  readonly rate: number;
  /** The rate never falls below this; cosine ends at it. */
  readonly minRate?: number;
  /** step: epochs between drops. */
  readonly stepSize?: number;
  /** step, exponential, plateau: what the rate is multiplied by. */
  readonly gamma?: number;
  /** plateau: epochs without improvement before a drop. */
  readonly patience?: number;
  /** Epochs over which the rate grows evenly from 0 (it is above 0 from the first step). The curve begins after them. */
  readonly warmup?: number;
}

export interface Moment {
  /** Epochs done, including the fraction done of the current one. */
  readonly epoch: number;
  /** Of the whole run. */
  readonly epochs: number;
  /** Of one epoch. */
  readonly stepsPerEpoch: number;
  /** plateau: the validation loss of each epoch done. */
  readonly losses?: readonly number[];
}

/** What a spec does not say. */
export const SCHEDULE_DEFAULTS = { minRate: 0, stepSize: 10, gamma: 0.1, patience: 10, warmup: 0 } as const;

type Curve = (spec: Required<ScheduleSpec>, moment: Moment & { readonly share: number }) => number;

/** `epoch` counts from the end of the warmup; `share` is how much of the run after the warmup is done, 0 … 1. */
const CURVES = {
  constant: ({ rate }) => rate,
  step: ({ rate, gamma, stepSize }, { epoch }) => rate * gamma ** Math.floor(epoch / stepSize),
  exponential: ({ rate, gamma }, { epoch }) => rate * gamma ** Math.floor(epoch),
  cosine: ({ rate, minRate }, { share }) => between(rate, minRate, share),
  onecycle: ({ rate }, moment) => oneCycle(rate, moment),
  plateau: ({ rate, gamma, patience }, { losses = [] }) => rate * gamma ** drops(losses, patience),
} as const satisfies Record<ScheduleName, Curve>;

/** The rate of the step that begins at this moment. */
export function rateAt(spec: ScheduleSpec, moment: Moment): number {
  const minRate = Math.min(spec.minRate ?? SCHEDULE_DEFAULTS.minRate, spec.rate);
  const whole = { ...SCHEDULE_DEFAULTS, ...spec, minRate };
  const { rate, warmup } = whole;
  const { epoch, epochs, stepsPerEpoch } = moment;
  // A run that is shorter than its warmup only warms up.
  if (epoch < warmup) return rate * Math.min(1, (epoch + 1 / stepsPerEpoch) / warmup);
  const left = Math.max(epochs - warmup, 1 / stepsPerEpoch);
  const since = epoch - warmup;
  const value = CURVES[spec.name](whole, {
    ...moment,
    epoch: since + ROUNDING,
    epochs: left,
    share: Math.min(1, since / left),
  });
  return Math.max(value, minRate);
}

/** Fractions of epochs are sums of 1 / steps, so a whole epoch can come out slightly too small: this is added to it. */
const ROUNDING = 1e-9;

/** Half a cosine from one value to another. */
function between(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

/**
 * PyTorch's defaults: the rate rises from rate / 25 over 30 % of the steps, then falls to rate / 250,000.
 * Source: Smith and Topin (2018).
 */
const ONE_CYCLE = { up: 0.3, start: 25, end: 1e4 } as const;

function oneCycle(rate: number, { epoch, epochs, stepsPerEpoch }: Moment): number {
  const steps = Math.round(epochs * stepsPerEpoch);
  const step = Math.min(steps - 1, Math.floor(epoch * stepsPerEpoch + ROUNDING));
  const top = Math.max(ROUNDING, ONE_CYCLE.up * steps - 1);
  const first = rate / ONE_CYCLE.start;
  if (step <= top) return between(first, rate, step / top);
  return between(rate, first / ONE_CYCLE.end, (step - top) / Math.max(ROUNDING, steps - 1 - top));
}

/** PyTorch's ReduceLROnPlateau counts a loss as better when it is a ten-thousandth lower. */
const BETTER = 1 - 1e-4;

/** How often the loss has not improved for more than `patience` epochs. */
function drops(losses: readonly number[], patience: number): number {
  let [best, bad, count] = [Infinity, 0, 0];
  for (const loss of losses) {
    if (loss < best * BETTER) [best, bad] = [loss, 0];
    else bad += 1;
    if (bad > patience) [bad, count] = [0, count + 1];
  }
  return count;
}

/** Whether `patience` or more epochs have passed since the best value. @param values of each epoch done, higher is better */
export function stopsEarly(values: readonly number[], patience: number): boolean {
  let best = -1;
  values.forEach((value, i) => {
    if (best < 0 || value > values[best]!) best = i;
  });
  return values.length - 1 - best >= patience && values.length > 0;
}
