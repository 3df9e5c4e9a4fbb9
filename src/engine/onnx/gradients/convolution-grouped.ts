// convolution-grouped.ts: a convolution of narrow groups as one of wide groups, which fill blocks of channels: the kernels of
// neighbouring groups stand along the diagonal of the wide kernel, and the rest of it is zeros.

import type { Step } from '../step.ts';
import { chunksOf, type BlockedOperands, type Operands, type Sizes } from './convolution-operands.ts';

/** How many neighbouring groups fill whole blocks together, as few as can be. Undefined where no number does. */
function neighboursOf({ groups, inputs, outputs }: Sizes, block: number): number | undefined {
  const [i, o] = [inputs / groups, outputs / groups];
  const fills = (count: number) =>
    groups % count === 0 && (count * i) % block === 0 && (count * o) % block === 0;
  return Array.from({ length: block }, (_, n) => n + 1).find(fills);
}

/** The operands of the wide convolution. Undefined where the groups do not fill blocks, or their pictures make no chunks. */
export function widened(conv: Operands, step: Step): BlockedOperands | undefined {
  const { sizes } = conv;
  const count = step.block > 0 && sizes.groups > 1 ? neighboursOf(sizes, step.block) : undefined;
  if (count === undefined || !chunksOf(step.batch, sizes.groups / count, step.block)) return undefined;
  const e = step.emitter;
  const { kernel, outputs } = sizes;
  const [b, each] = [step.block, sizes.inputs / sizes.groups];
  const width = count * each;
  // 1 where an output channel sees this one of the neighbours: [O,count,1,1,1]
  const own = sizes.outputs / sizes.groups;
  const diagonal = e.floats(
    [outputs, count, 1, 1, 1],
    Array.from({ length: outputs * count }, (_, at) => Number(Math.floor(Math.floor(at / count) / own) % count === at % count)), // prettier-ignore
  );
  const spread = e.mul(e.reshape(conv.weight, [outputs, 1, each, ...kernel]), diagonal);
  const split = e.reshape(spread, [outputs / b, b, width / b, b, ...kernel]);
  // OIHWio
  const weight = e.reshape(e.transpose(split, [0, 2, 4, 5, 3, 1]), [outputs, width, ...kernel]);
  return {
    ...conv,
    sizes: { ...sizes, groups: sizes.groups / count },
    weight,
    blocks: 'both',
    setWeight: (gradient) => {
      const blocked = e.reshape(gradient, [outputs / b, width / b, ...kernel, b, b]);
      const oihw = e.transpose(blocked, [0, 5, 1, 4, 2, 3]);
      const kept = e.mul(e.reshape(oihw, [outputs, count, each, ...kernel]), diagonal);
      conv.setWeight(e.reduceSum(kept, [1]));
    },
  };
}
