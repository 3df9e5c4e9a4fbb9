// lbfgs.ts: the minimum of a smooth convex function, by L-BFGS with halved steps. Deterministic.
// Source: Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5, and 3.1 for the step.

import { dot64 } from '../util/dot.ts';

interface Evaluated {
  readonly value: number;
  readonly gradient: Float64Array;
}

export type Objective = (point: Float64Array) => Promise<Evaluated>;

export interface MinimizeOptions {
  readonly maxIterations: number;
  /** The minimum is reached when no component of the gradient is larger than this. */
  readonly tolerance: number;
  /** Steps that are remembered: 10 by default. */
  readonly memory?: number;
  /** Where an earlier call stood. */
  readonly from?: Descent;
  /** About the inverse of the curvature, times a vector: symmetric and positive. By default a multiple of the vector. */
  readonly inverseCurvature?: (vector: Float64Array) => Float64Array;
  /** Told after each iteration. */
  readonly onIteration?: (descent: Descent) => Promise<void>;
}

/** All that the next iteration depends on. */
export interface Descent extends Evaluated {
  readonly point: Float64Array;
  readonly pairs: readonly Pair[];
  readonly iterations: number;
}

export interface Minimum extends Descent {
  /** Whether no component of the gradient is above the tolerance. */
  readonly isConverged: boolean;
}

/** Pairs of steps and gradients that L-BFGS remembers where nobody says how many. */
const MEMORY = 10;

/** A step is halved until the value falls by at least this share of what the slope predicts. */
const ARMIJO = 1e-4;
const MAX_HALVINGS = 30;

/** A step, and the change of the gradient along it. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
}

const rhoOf = ({ s, y }: Pair) => 1 / dot64(s, y);

export async function minimize(
  objective: Objective,
  start: Float64Array,
  { maxIterations, tolerance, memory = MEMORY, from, inverseCurvature, onIteration }: MinimizeOptions,
): Promise<Minimum> {
  let point = from?.point ?? start;
  let { value, gradient } = from ?? (await objective(point));
  const pairs: Pair[] = [...(from?.pairs ?? [])];
  let iterations = from?.iterations ?? 0;
  while (iterations < maxIterations && largest(gradient) > tolerance) {
    const direction = descent(gradient, pairs, inverseCurvature);
    const slope = dot64(direction, gradient);
    let step =
      pairs.length === 0 && !inverseCurvature ? Math.min(1, 1 / Math.sqrt(dot64(gradient, gradient))) : 1;
    let next = point;
    let reached: Evaluated = { value: Infinity, gradient };
    for (let halvings = 0; halvings < MAX_HALVINGS; halvings++, step /= 2) {
      next = point.map((x, i) => x + step * direction[i]!);
      reached = await objective(next);
      if (reached.value <= value + ARMIJO * step * slope) break;
    }
    if (!(reached.value < value)) break; // rounding lets the value fall no further
    const [origin, before] = [point, gradient];
    const s = next.map((x, i) => x - origin[i]!);
    const y = reached.gradient.map((g, i) => g - before[i]!);
    if (dot64(s, y) > 0) pairs.push({ s, y });
    if (pairs.length > memory) pairs.shift();
    ({ value, gradient } = reached);
    point = next;
    iterations += 1;
    await onIteration?.({ point, value, gradient, pairs, iterations });
  }
  return { point, value, gradient, pairs, iterations, isConverged: largest(gradient) <= tolerance };
}

/** The direction of descent, by the two loops of L-BFGS: the gradient corrected by the curvature seen in the last steps. */
function descent(
  gradient: Float64Array,
  pairs: readonly Pair[],
  inverseCurvature: MinimizeOptions['inverseCurvature'],
): Float64Array {
  let direction: Float64Array = gradient.map((g) => -g);
  const known = pairs.map((pair) => ({ ...pair, rho: rhoOf(pair) }));
  const alphas: number[] = [];
  for (const { s, y, rho } of known.toReversed()) {
    const alpha = rho * dot64(s, direction);
    alphas.push(alpha);
    addScaled(direction, y, -alpha);
  }
  const last = known.at(-1);
  if (inverseCurvature) direction = inverseCurvature(direction);
  if (last) {
    const scaled = inverseCurvature ? inverseCurvature(last.y) : last.y;
    const scale = 1 / (last.rho * dot64(last.y, scaled));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { s, y, rho } of known) addScaled(direction, s, alphas.pop()! - rho * dot64(y, direction));
  return direction;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * values[i]!;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
