// convolution-operands.ts: the sizes of a convolution, and the gradient of its input as onnx's own operator. The portable and the
// CPU-tuned lowering of a convolution share them.

import type { Shape } from '../../../util/shape.ts';
import type { Step, Value } from '../step.ts';
import { windowAttributes, windowOf, type Convolution, type Window } from '../windows.ts';

/** The sizes of a convolution. */
export interface Sizes extends Window {
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
  /** `[H,W]` of the input (`from`) and of the output (`to`). */
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

/** The operands that both lowerings of a convolution receive. */
export interface Operands {
  readonly x: Value;
  readonly sizes: Sizes;
  readonly weight: string;
  readonly bias: string | undefined;
  /** `[C]` that the output is to be less by. */
  readonly lessBy: string | undefined;
  /** The shape of the output. */
  readonly shape: Shape;
  readonly setWeight: (gradient: string) => void;
  readonly setBias: (gradient: string) => void;
}

/** The operands of a convolution on blocked pictures, and which channels of its kernel are in blocks: see `kernelBlocks`. */
export interface BlockedOperands extends Operands {
  readonly blocks: 'outputs' | 'both';
}

/**
 * Numbers of pictures whose channels, for each of the groups, are too few for blocks or fill them: the kernel's gradient takes the
 * batch in such chunks. Undefined where the batch cannot be cut into them.
 */
export function chunksOf(batch: number, groups: number, block: number): readonly number[] | undefined {
  const fits = (count: number) => groups * count < block || (groups * count) % block === 0;
  const chunks: number[] = [];
  for (let left = batch; left > 0; left -= chunks.at(-1)!) {
    let count = Math.min(block / 2, left);
    while (count > 0 && !fits(count)) count--;
    if (count === 0) return undefined;
    chunks.push(count);
  }
  return chunks;
}

/** Whether each channel has a kernel of its own. */
export const isDepthwise = ({ groups, inputs, outputs }: Sizes): boolean =>
  groups > 1 && groups === inputs && groups === outputs;

export function sizesOf(layer: Convolution, x: Value, step: Step): Sizes {
  const [height, width, inputs] = x.shape as readonly [number, number, number];
  const [toHeight, toWidth, outputs] = step.shapes.get(layer.name)! as readonly [number, number, number];
  return {
    ...windowOf(layer, x.shape, x.pad),
    groups: layer.kind === 'depthwiseConv2d' ? inputs : (layer.groups ?? 1),
    inputs,
    outputs,
    from: [height, width],
    to: [toHeight, toWidth],
  };
}

/** dx from dy and an OIHW kernel. */
export function transposedConvolution(dy: string, weight: string, sizes: Sizes, step: Step): string {
  const output_padding = outputPadding(sizes);
  const attributes = { ...windowAttributes(sizes), group: sizes.groups, output_padding };
  return step.emitter.emit('ConvTranspose', [dy, weight], attributes);
}

/** Rows and columns at the bottom and right that no window reached. Without them dy's transposed convolution would be smaller. */
function outputPadding({ kernel, strides, dilations, pads, from, to }: Sizes): readonly number[] {
  return [0, 1].map((axis) => {
    const reached = (to[axis]! - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
    return from[axis]! + pads[axis]! + pads[axis + 2]! - reached;
  });
}
