// inception-modules.ts: what GoogLeNet, Inception v3, v4 and Inception-ResNet are made of: a module takes a picture through several
// branches and joins what they put out. A family writes its branches down as tables of steps.

import type { GraphBuilder } from '../../graph/builder.ts';

/** Convolutions by their window; `/2` is stride 2. A window with `valid` or a stride is not padded. */
const WINDOWS = {
  '1x1': { kernel: 1 },
  '1x3': { kernel: [1, 3], pad: [0, 1] },
  '3x1': { kernel: [3, 1], pad: [1, 0] },
  '1x7': { kernel: [1, 7], pad: [0, 3] },
  '7x1': { kernel: [7, 1], pad: [3, 0] },
  '3x3': { kernel: 3, pad: 1 },
  '3x3 valid': { kernel: 3 },
  '3x3/2': { kernel: 3, stride: 2 },
  '5x5': { kernel: 5, pad: 2 },
  '7x7/2 padded': { kernel: 7, stride: 2, pad: 3 },
} as const;

/** Poolings, 3x3. The zeros around a picture count in `mean with zeros`, as they do by torch's default. */
const POOLS = {
  max: (b: GraphBuilder, from: string, name: string) =>
    b.maxPooling2d(from, name, { kernel: 3, stride: 1, pad: 1 }),
  'max/2': (b: GraphBuilder, from: string, name: string) =>
    b.maxPooling2d(from, name, { kernel: 3, stride: 2 }),
  mean: (b: GraphBuilder, from: string, name: string) =>
    b.averagePooling2d(from, name, { kernel: 3, stride: 1, pad: 'same' }),
  'mean with zeros': (b: GraphBuilder, from: string, name: string) =>
    b.averagePooling2d(from, name, { kernel: 3, stride: 1, pad: 1 }),
} as const;

type Window = keyof typeof WINDOWS;
type Pool = keyof typeof POOLS;

/** A convolution and its filters; the same twice, beside each other, as `a` and `b`; or a pooling. */
type Step = readonly [Window, number] | readonly ['1x3 and 3x1', number] | Pool;
/** The steps of each branch by the branch's name. */
export type Branches = Readonly<Record<string, readonly Step[]>>;

/** The name of a step's module in its branch. Torch's Sequential counts from 0; a module without siblings is the branch itself. */
type StepNaming = (branch: string, index: number, steps: readonly Step[]) => string;
const sequential: StepNaming = (branch, index, { length }) => (length === 1 ? branch : `${branch}.${index}`);

/** Convolution, batch norm, ReLU. */
export function convolution(b: GraphBuilder, from: string, name: string, window: Window, filters: number) {
  const x = b.conv2d(from, `${name}.conv`, { filters, ...WINDOWS[window] });
  return b.activation(b.batchNormalization(x, `${name}.bn`, { epsilon: 1e-3 }), `${name}.relu`, 'relu');
}

function step(b: GraphBuilder, from: string, name: string, what: Step): string {
  if (typeof what === 'string') return POOLS[what](b, from, name);
  const [window, filters] = what;
  if (window !== '1x3 and 3x1') return convolution(b, from, name, window, filters);
  const wide = convolution(b, from, `${name}a`, '1x3', filters);
  return b.concatenate(`${name}.cat`, wide, convolution(b, from, `${name}b`, '3x1', filters));
}

/** What Inception v3 and Inception-ResNet v2 begin with. @param names of the five convolutions and two poolings, in order */
export function stem(
  b: GraphBuilder,
  [c1, c2, c3, p1, c4, c5, p2]: readonly [string, string, string, string, string, string, string],
): string {
  let x = convolution(b, b.input, c1, '3x3/2', 32);
  x = convolution(b, x, c2, '3x3 valid', 32);
  x = convolution(b, x, c3, '3x3', 64);
  x = POOLS['max/2'](b, x, p1);
  x = convolution(b, x, c4, '1x1', 80);
  x = convolution(b, x, c5, '3x3 valid', 192);
  return POOLS['max/2'](b, x, p2);
}

/** A whole module: its branches, joined. */
export function inception(
  b: GraphBuilder,
  from: string,
  name: string,
  branches: Branches,
  naming: StepNaming = sequential,
): string {
  const ends = Object.entries(branches).map(([branch, steps]) =>
    steps.reduce((x, what, i) => step(b, x, `${name}.${naming(branch, i, steps)}`, what), from),
  );
  return b.concatenate(`${name}.cat`, ...ends);
}
