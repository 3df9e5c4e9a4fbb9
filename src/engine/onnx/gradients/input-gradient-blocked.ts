// input-gradient-blocked.ts: dx of a convolution on blocked pictures: a convolution of dy with the kernel turned around. With
// strides, the places of dx with the same remainder make a picture of their own, a phase, which comes from some of the taps only.
// The results of the phases' convolutions are then interleaved.

import { fromBlocked, pictureConvolution } from '../blocked.ts';
import type { Step, Value } from '../step.ts';
import { transposedConvolution, type BlockedOperands, type Sizes } from './convolution-operands.ts';
import { woven } from './weaving.ts';

export function inputGradient(conv: BlockedOperands, dy: Value, step: Step): Value {
  const { x, sizes, blocks } = conv;
  const { strides, groups } = sizes;
  const isStrided = strides[0] > 1 || strides[1] > 1;
  const plan = phasesOf(sizes);
  // A stem's input pictures are plain, not blocked.
  if (!plan || (blocks === 'outputs' && groups === 1)) {
    const oihw = plainKernel(conv, step);
    return { shape: x.shape, tensor: transposedConvolution(step.plain(dy).tensor, oihw, sizes, step) };
  }
  if (isStrided && isPoint(sizes)) {
    const tensor = convolvePhase(conv, dy.tensor, { rows: POINT_PHASE, columns: POINT_PHASE }, step);
    return { shape: x.shape, blocked: true, tensor, apart: strides };
  }
  const phases = plan.rows.map((rows) => plan.columns.map((columns) => convolvePhase(conv, dy.tensor, { rows, columns }, step))); // prettier-ignore
  const [first] = phases[0]! as [string];
  if (!isStrided) return { shape: x.shape, blocked: true, tensor: first };
  const tensor = woven(phases, x.shape, step);
  step.firstPhases.set(tensor, { tensor: first, strides });
  return { shape: x.shape, blocked: true, tensor };
}

/** The places with one remainder along one axis: the taps that reach them, in reverse, and the padding for their convolution. */
interface Phase {
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

const POINT_PHASE: Phase = { taps: [0], before: 0, after: 0 };

/**
 * With y = s m + r and tap t = t0 + s j, dx[y] = Σⱼ dy[m + c - j] w[t], where t0 = (r + pad) mod s and c = (r + pad - t0) / s.
 * Undefined where a convolution cannot compute this: it would start inside dy, a phase has no taps, or phases differ in size.
 */
function phasesOf(
  sizes: Sizes,
): { readonly rows: readonly Phase[]; readonly columns: readonly Phase[] } | undefined {
  const { kernel, strides, dilations, pads, from, to } = sizes;
  const [rows, columns] = [0, 1].map((axis) => {
    const [length, stride, dilation, pad] = [kernel[axis]!, strides[axis]!, dilations[axis]!, pads[axis]!];
    const size = from[axis]! / stride;
    if (stride > 1 && (dilation > 1 || !Number.isInteger(size))) return undefined;
    const phases = Array.from({ length: stride }, (_, r) => {
      const first = (r + pad) % stride;
      const offset = (r + pad - first) / stride;
      const taps = Array.from({ length }, (_, t) => t)
        .filter((t) => t % stride === first % stride)
        .reverse();
      const before = (taps.length - 1) * dilation - offset;
      return { taps, before, after: size - 1 + offset - (to[axis]! - 1) };
    });
    return phases.every(({ taps, before, after }) => taps.length > 0 && before >= 0 && after >= 0)
      ? phases
      : undefined;
  });
  if (rows && columns) return { rows, columns };
  return isPoint(sizes) ? { rows: [], columns: [] } : undefined;
}

/** 1x1 without padding: the only tap belongs to one phase, and the other phases are zeros. */
function isPoint({ kernel, pads }: Sizes): boolean {
  return kernel[0] * kernel[1] === 1 && pads.every((pad) => pad === 0);
}

function convolvePhase(
  conv: BlockedOperands,
  dy: string,
  { rows, columns }: { readonly rows: Phase; readonly columns: Phase },
  step: Step,
): string {
  const { sizes } = conv;
  const e = step.emitter;
  const { kernel, dilations, inputs, outputs, groups } = sizes;
  const wanted = rows.taps.flatMap((row) => columns.taps.map((column) => row * kernel[1] + column));
  const size = [rows.taps.length, columns.taps.length] as const;
  const turned = e.reshape(turnedTaps(conv, wanted, step), [inputs, outputs / groups, ...size]);
  const pads = [rows.before, columns.before, rows.after, columns.after] as const;
  const window = { kernel: size, strides: [1, 1], dilations, pads } as const;
  return pictureConvolution(e, window, { x: dy, weight: turned, groups }, [step.batch, outputs, ...sizes.to]); // prettier-ignore
}

/**
 * The wanted taps with input and output channels of each group swapped: [I/B,O/B,taps,o,i] of [O/B,I/B,taps,i,o], or [C/B,taps,c]
 * depthwise.
 * Blocks are gathered in their new order. Each block is then transposed by reordering B channels of B places, which is fast.
 */
function turnedTaps(
  { sizes, weight, blocks }: BlockedOperands,
  wanted: readonly number[],
  step: Step,
): string {
  const e = step.emitter;
  const { kernel, outputs, groups } = sizes;
  const [b, area] = [step.block, kernel[0] * kernel[1]];
  const [inputBlocks, outputBlocks] = [sizes.inputs / groups / b, outputs / groups / b];
  if (blocks === 'outputs') {
    const view = e.reshape(weight, [outputs / b, area, b]);
    return area === 1 ? view : e.emit('Gather', [view, e.int64s(wanted)], { axis: 1 });
  }
  const order: number[] = [];
  for (let group = 0; group < groups; group++) {
    for (let i = 0; i < inputBlocks; i++) {
      for (let o = 0; o < outputBlocks; o++) {
        for (const tap of wanted) order.push(((group * outputBlocks + o) * inputBlocks + i) * area + tap);
      }
    }
  }
  const rows = e.reshape(weight, [(outputs / b) * inputBlocks * area, b * b]);
  const gathered = e.emit('Gather', [rows, e.int64s(order)], { axis: 0 });
  return fromBlocked(e, e.reshape(gathered, [order.length, b, b / 4, 4]), b);
}

/** The kernel as OIHW. */
function plainKernel({ sizes, weight, blocks }: BlockedOperands, step: Step): string {
  const e = step.emitter;
  const { kernel, inputs, outputs, groups } = sizes;
  const b = step.block;
  const each = inputs / groups;
  const oihw =
    blocks === 'both'
      ? e.transpose(e.reshape(weight, [outputs / b, each / b, ...kernel, b, b]), [0, 5, 1, 4, 2, 3])
      : e.transpose(e.reshape(weight, [outputs / b, each, ...kernel, b]), [0, 4, 1, 2, 3]);
  return e.reshape(oihw, [outputs, each, ...kernel]);
}
