// linear-head.ts: a linear classifier on rows of features, trained to convergence: multinomial logistic regression with an L2
// penalty, by L-BFGS on standardised features. Deterministic; no engine, no pictures.
// Source: Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5, and 3.1 for the step.

export interface LabelledRows {
  /** `[N,D]`, row-major. */
  readonly rows: Float32Array;
  readonly numbers: number;
  /** Class number of each row, 0 … classes - 1. */
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

/** For rows as they are, not standardised: logits = row kernel + bias. */
export interface LinearHead {
  /** `[D,K]` */
  readonly kernel: Float32Array;
  /** `[K]` */
  readonly bias: Float32Array;
  readonly iterations: number;
}

export interface LinearHeadOptions {
  /** How much an error weighs against the penalty |kernel|^2 / 2: scikit-learn's C. */
  readonly c?: number;
  readonly maxIterations?: number;
  /** Training has converged when no component of the mean loss's gradient is larger than this. */
  readonly tolerance?: number;
}

/** Pairs of steps and gradients that L-BFGS remembers. */
const MEMORY = 10;

/** A step is halved until the loss falls by at least this share of what the slope predicts. */
const ARMIJO = 1e-4;
const MAX_HALVINGS = 30;

/** A feature that varies less than this counts as constant, and is left out of the median deviation. */
const MIN_DEVIATION = 1e-6;

/**
 * A feature is divided by its deviation, but by no less than this share of the median deviation of all features. A unit that
 * hardly moved on the training pictures can move as far as any other on a new picture, which would be thousands of its own
 * deviations. Of 0, 0.01, 0.03, 0.1 and 0.3, this value was never worse, with many pictures a class and with few
 * (docs/finetune.md).
 */
const SMALLEST_SHARE = 0.3;

export function trainLinearHead(data: LabelledRows, options: LinearHeadOptions = {}): LinearHead {
  const { c = 1, maxIterations = 200, tolerance = 1e-4 } = options;
  const { numbers, classes } = data;
  const { rows, mean, deviation } = standardize(data);
  const objective = objectiveOf({ ...data, rows }, c);
  const size = (numbers + 1) * classes;
  let point: Float64Array = new Float64Array(size);
  let gradient = new Float64Array(size);
  let value = objective(point, gradient);
  const steps: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[] = [];
  let iterations = 0;
  while (iterations < maxIterations && largest(gradient) > tolerance) {
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    const next = new Float64Array(size);
    const nextGradient = new Float64Array(size);
    let step = steps.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    let reached = Infinity;
    for (let halvings = 0; halvings < MAX_HALVINGS; halvings++, step /= 2) {
      for (let i = 0; i < size; i++) next[i] = point[i]! + step * direction[i]!;
      reached = objective(next, nextGradient);
      if (reached <= value + ARMIJO * step * slope) break;
    }
    if (!(reached < value)) break; // rounding lets the loss fall no further
    const s = next.map((x, i) => x - point[i]!);
    const y = nextGradient.map((g, i) => g - gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 0) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > MEMORY) steps.shift();
    point = next;
    gradient = nextGradient;
    value = reached;
    iterations += 1;
  }
  return { ...unstandardized(point, { numbers, classes, mean, deviation }), iterations };
}

interface Standardized {
  readonly rows: Float32Array;
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Every feature with mean 0 and standard deviation 1 over the rows; less than 1 where it hardly moves. */
function standardize({ rows, numbers }: LabelledRows): Standardized {
  const count = rows.length / numbers;
  const mean = new Float64Array(numbers);
  const deviation = new Float64Array(numbers);
  for (let i = 0; i < rows.length; i++) mean[i % numbers]! += rows[i]! / count;
  for (let i = 0; i < rows.length; i++)
    deviation[i % numbers]! += (rows[i]! - mean[i % numbers]!) ** 2 / count;
  const scale = deviation.map((variance) => Math.sqrt(variance));
  const floor = SMALLEST_SHARE * median(scale.filter((value) => value > MIN_DEVIATION));
  scale.forEach((value, d) => (deviation[d] = Math.max(value, floor) || 1));
  const standard = rows.map((x, i) => (x - mean[i % numbers]!) / deviation[i % numbers]!);
  return { rows: standard, mean, deviation };
}

type Objective = (point: Float64Array, gradient: Float64Array) => number;

/**
 * Mean cross-entropy + |kernel|^2 / (2 c N), and its gradient. A point is the kernel `[D,K]` followed by the bias `[K]`; the
 * penalty does not apply to the bias.
 */
function objectiveOf({ rows, numbers, labels, classes }: LabelledRows, c: number): Objective {
  const count = rows.length / numbers;
  const penalty = 1 / (c * count);
  const kernelSize = numbers * classes;
  const logits = new Float64Array(classes);
  return (point, gradient) => {
    gradient.fill(0);
    const kernel = point.subarray(0, kernelSize);
    const bias = point.subarray(kernelSize);
    const biasGradient = gradient.subarray(kernelSize);
    let loss = 0;
    for (let n = 0; n < count; n++) {
      const row = rows.subarray(n * numbers, (n + 1) * numbers);
      logits.set(bias);
      addProduct(logits, row, kernel);
      const highest = logits.reduce((a, b) => Math.max(a, b));
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += Math.exp(logits[k]! - highest);
      loss += Math.log(sum) + highest - logits[labels[n]!]!;
      // From here on, `logits` holds the gradient of the loss by the logits: softmax minus the truth.
      for (let k = 0; k < classes; k++) {
        logits[k] = (Math.exp(logits[k]! - highest) / sum - Number(k === labels[n])) / count;
        biasGradient[k]! += logits[k]!;
      }
      for (let d = 0, at = 0; d < numbers; d++) {
        const x = row[d]!;
        for (let k = 0; k < classes; k++) gradient[at++]! += x * logits[k]!;
      }
    }
    let squares = 0;
    for (let i = 0; i < kernelSize; i++) {
      squares += kernel[i]! * kernel[i]!;
      gradient[i]! += penalty * kernel[i]!;
    }
    return loss / count + (penalty / 2) * squares;
  };
}

/** logits += row kernel */
function addProduct(logits: Float64Array, row: Float32Array, kernel: Float32Array | Float64Array): void {
  const classes = logits.length;
  for (let d = 0, at = 0; d < row.length; d++) {
    const x = row[d]!;
    for (let k = 0; k < classes; k++) logits[k]! += x * kernel[at++]!;
  }
}

/** The direction of descent, by the two loops of L-BFGS: the gradient corrected by the curvature seen in the last steps. */
function descent(
  gradient: Float64Array,
  steps: readonly { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[],
): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (const { s, y, rho } of steps.toReversed()) {
    const alpha = rho * dot(s, direction);
    alphas.push(alpha);
    addScaled(direction, y, -alpha);
  }
  const last = steps.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { s, y, rho } of steps) addScaled(direction, s, alphas.pop()! - rho * dot(y, direction));
  return direction;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * values[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The kernel and bias that give, on rows as they are, the logits that `point` gives on standardised rows. */
function unstandardized(
  point: Float64Array,
  {
    numbers,
    classes,
    mean,
    deviation,
  }: Omit<Standardized, 'rows'> & { readonly numbers: number; readonly classes: number },
): Pick<LinearHead, 'kernel' | 'bias'> {
  const kernel = Float32Array.from({ length: numbers * classes }, (_, i) => {
    return point[i]! / deviation[Math.floor(i / classes)]!;
  });
  const bias = point.slice(numbers * classes);
  for (let d = 0, at = 0; d < numbers; d++) {
    for (let k = 0; k < classes; k++, at++) bias[k]! -= (mean[d]! * point[at]!) / deviation[d]!;
  }
  return { kernel, bias: Float32Array.from(bias) };
}

/** The middle value, or the upper of the two middle ones; 0 where there are no values. */
function median(values: Float64Array): number {
  return values.toSorted()[values.length >> 1] ?? 0;
}
