// dense.ts: y = x W + b; on a picture the same at every place.

import { elementCount } from '../../util/shape.ts';
import type { Unary } from './base.ts';
import { oneInput } from './keras-config.ts';
import type { Kind } from './kind.ts';

export interface Dense extends Unary {
  readonly kind: 'dense';
  readonly units: number;
  readonly useBias: boolean;
}

export const dense: Kind<Dense> = {
  outputShape: ({ units }, [input]) => [...input!.slice(0, -1), units],
  weights: ({ units, useBias }, input) => [
    ['kernel', [input.at(-1) ?? 0, units]],
    ...(useBias ? ([['bias', [units]]] as const) : []),
  ],
  multiplyAdds: (_layer, input, output) => elementCount(output) * input.at(-1)!,
  isKept: true,
  // [out,in] -> [in,out]
  torch: { kernel: { suffix: 'weight', axes: [1, 0], isByInput: true }, bias: { suffix: 'bias' } },
  keras: {
    write: ({ units, useBias }) => ['Dense', { units, activation: 'linear', use_bias: useBias }],
    read: {
      Dense: (config, { name, inputs }) => ({
        kind: 'dense',
        name,
        inputs: oneInput(config, inputs),
        units: config.number('units'),
        useBias: config.boolean('use_bias', true),
      }),
    },
  },
};
