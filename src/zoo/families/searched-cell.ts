// searched-cell.ts: the cell of NASNet and PNASNet: five sums of two operations each, which a search chose, on the outputs of the two
// cells before. TensorFlow's `same` padding throughout.
// Source: Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2018, sections 3 and A.

import type { GraphBuilder } from '../../graph/builder.ts';

/**
 * `sepK`: twice ReLU, KxK depthwise, 1x1, batch norm; `fit`: ReLU, 1x1, batch norm; `maxFit`: `max`, 1x1, batch norm; `max` and `mean`
 * of 3x3; `same`: the input.
 */
type Operation = 'sep3' | 'sep5' | 'sep7' | 'fit' | 'maxFit' | 'max' | 'mean' | 'same';

/** The output of the cell before, of the one before that, or one of this cell's sums. */
type Source = 'here' | 'before' | number;

type Part = readonly [Operation, Source];

export interface CellPlan {
  /** What each sum adds. */
  readonly sums: readonly (readonly [Part, Part])[];
  /** What the output joins, by channels. */
  readonly joined: readonly Source[];
}

export interface CellInputs {
  readonly here: string;
  readonly before: string;
  readonly filters: number;
  /** Of the operations on the inputs; those on sums go by 1. */
  readonly stride: 1 | 2;
}

/** Batch norm's epsilon is TensorFlow's. */
const BN = { epsilon: 1e-3 } as const;

/** Writes cells under the names of Cadene's port. */
export function cellBuilder(b: GraphBuilder) {
  const rectified = new Map<string, string>();
  /** One ReLU for all operations that begin with one. */
  const relu = (from: string): string => {
    const known = rectified.get(from) ?? b.activation(from, `${from}.relu`, 'relu');
    rectified.set(from, known);
    return known;
  };
  const norm = (from: string, name: string) => b.batchNormalization(from, name, BN);

  function fit(from: string, name: string, filters: number, stride = 1): string {
    return norm(b.conv2d(relu(from), `${name}.conv`, { filters, kernel: 1, stride }), `${name}.bn`);
  }

  /** Halves a picture: every second place, and every second of the places between, each to half of the channels. */
  function halve(from: string, name: string, filters: number): string {
    const x = relu(from);
    const convolution = { filters: filters / 2, kernel: 1, stride: 2 };
    const shifted = b.cropping2d(x, `${name}.path_2.shift`, { top: 1, left: 1, bottom: 0, right: 0 });
    const pad = { top: 0, left: 0, bottom: 1, right: 1 };
    const path1 = b.conv2d(x, `${name}.path_1.conv`, convolution);
    const path2 = b.conv2d(shifted, `${name}.path_2.conv`, { ...convolution, pad });
    return norm(b.concatenate(`${name}.final_path`, path1, path2), `${name}.final_path_bn`);
  }

  function separable(from: string, name: string, filters: number, kernel: number, stride: number): string {
    let x = from;
    for (const half of [1, 2]) {
      const module = `${name}.separable_${half}`;
      const window = { kernel, stride: half === 1 ? stride : 1, pad: 'same' } as const;
      x = b.depthwiseConv2d(relu(x), `${module}.depthwise_conv2d`, window);
      x = b.conv2d(x, `${module}.pointwise_conv2d`, { filters, kernel: 1 });
      x = norm(x, `${name}.bn_sep_${half}`);
    }
    return x;
  }

  function operate(
    operation: Operation,
    from: string,
    name: string,
    filters: number,
    stride: number,
  ): string {
    const window = { kernel: 3, stride, pad: 'same' } as const;
    switch (operation) {
      case 'sep3':
      case 'sep5':
      case 'sep7':
        return separable(from, name, filters, Number(operation.at(-1)), stride);
      case 'fit':
        return fit(from, name, filters, stride);
      case 'maxFit': {
        const x = b.maxPooling2d(from, `${name}.max_pool`, window);
        return norm(b.conv2d(x, `${name}.conv`, { filters, kernel: 1 }), `${name}.bn`);
      }
      case 'max':
        return b.maxPooling2d(from, name, window);
      case 'mean':
        return b.averagePooling2d(from, name, window);
      case 'same':
        return from;
      default:
        return operation satisfies never;
    }
  }

  function cell(name: string, { sums, joined }: CellPlan, inputs: CellInputs): string {
    const { filters, stride } = inputs;
    const made: string[] = [];
    const source = (from: Source) => (typeof from === 'number' ? made[from]! : inputs[from]);
    sums.forEach((parts, i) => {
      const [left, right] = parts.map(([operation, from], side) => {
        const module = `${name}.comb_iter_${i}_${side === 0 ? 'left' : 'right'}`;
        return operate(operation, source(from), module, filters, typeof from === 'number' ? 1 : stride);
      });
      made.push(b.add(`${name}.comb_iter_${i}`, left!, right!));
    });
    return b.concatenate(`${name}.cat`, ...joined.map(source));
  }

  return { relu, norm, fit, halve, cell };
}
