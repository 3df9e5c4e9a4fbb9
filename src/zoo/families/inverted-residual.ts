// inverted-residual.ts: what MobileNet v2 and v3, MnasNet and EfficientNet have in common: blocks that widen a picture's channels,
// filter each by itself and narrow them again. The families are tables of stages; how ports name the modules is in
// inverted-residual-names.ts.
// Sources: Sandler et al., MobileNetV2, 2018, figure 4; gates as in Howard et al., Searching for MobileNetV3, 2019; fused blocks and
// stochastic depth as in Tan and Le, EfficientNetV2, 2021.

import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { ActivationName, Graph, Padding2d } from '../../graph/layers.ts';
import { asModules, asWritten, type Architecture } from '../record.ts';
import { squeezeExcite } from './squeeze-excite.ts';

/** A row of a paper's table: `repeats` blocks, of which the first has the stride. */
export interface Blocks {
  readonly repeats: number;
  readonly kernel: number;
  readonly stride: number;
  /** How many times wider the block is within than its input. */
  readonly expansion: number;
  readonly filters: number;
  /** Blocks with a gate. */
  readonly gated?: boolean;
  /** One convolution instead of a 1x1 and one of each channel by itself. */
  readonly fused?: boolean;
  /** Where it is not the network's. */
  readonly activation?: ActivationName;
}

/** Zeros around what a window slides over. @param number the block's in the network; absent for the stem and the head */
export type PadRule = (window: { kernel: number; stride: number; number?: number }) => number | Padding2d;

export interface InvertedResidualNetwork {
  readonly size: number;
  readonly stem: number;
  /** Rows of several kinds of block may be one stage of a port's names. */
  readonly stages: readonly (readonly Blocks[])[];
  /** Channels of the last convolution, and of a dense layer behind it. */
  readonly head: number;
  readonly hidden?: number;
  readonly activation: ActivationName;
  /** Channels within a gate, and its functions. */
  readonly squeezed?: (channels: number, expanded: number) => number;
  readonly inGate?: ActivationName;
  readonly gate?: ActivationName;
  /** TensorFlow's padding, torch's, or a rule of a port's own. */
  readonly pad: 'same' | 'symmetric' | PadRule;
  /** What the channels within a block are rounded to. */
  readonly rounded?: (channels: number) => number;
  /** False where a stage's first block never adds its input. */
  readonly addsFirst?: boolean;
  /** Of batch norm: torch's 1e-5 or TensorFlow's 1e-3; the momentum is the share of the old statistics. */
  readonly epsilon: number;
  readonly momentum: number;
  readonly dropout: number;
  /** Stochastic depth: the rate of the last block; it grows evenly from 0. */
  readonly dropConnect?: number;
}

/** Names of a convolution, the batch norm behind it, and its activation. */
export interface UnitNames {
  readonly conv: string;
  readonly norm: string;
  readonly activation: string;
}

export type Convolution = 'expand' | 'depthwise' | 'project';
export type Part = Convolution | 'gate';

interface BlockPlace {
  readonly stage: number;
  /** In the stage, and in the network. */
  readonly index: number;
  readonly number: number;
  /** What the block has, in order. */
  readonly parts: readonly Part[];
}

/** How a port names its modules. */
export interface ModuleNames {
  readonly stem: UnitNames;
  readonly block: (place: BlockPlace) => string;
  /** A convolution of a block. */
  readonly unit: (block: string, part: Convolution, parts: readonly Part[]) => UnitNames;
  readonly gate?: (block: string, parts: readonly Part[]) => string;
  readonly reduce?: string;
  readonly expand?: string;
  readonly head: (stages: number, blocks: number) => UnitNames;
  readonly pool: string;
  readonly hidden?: string;
  readonly dropout: string;
  readonly classifier: string;
}

/** To a multiple of 8 that is not below nine tenths. */
export function roundChannels(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** The same rows with this many times as many filters. */
export function widened(rows: readonly Blocks[], width: number): readonly Blocks[] {
  return rows.map((row) => ({ ...row, filters: roundChannels(row.filters * width) }));
}

export function invertedResidualNetwork(
  name: string,
  network: InvertedResidualNetwork,
  names: ModuleNames,
  classes: number,
): Graph {
  const { size, stem, stages, head, hidden, activation, dropout, addsFirst = true } = network;
  const b = graphBuilder(name, size);
  const convolution = units(b, network);
  let x = convolution(b.input, names.stem, { filters: stem, kernel: 3, stride: 2, activation });
  let channels = stem;
  let number = 0;
  const blocks = stages.flat().reduce((sum, { repeats }) => sum + repeats, 0);
  stages.forEach((rows, stage) => {
    let index = 0;
    for (const row of rows) {
      for (let i = 0; i < row.repeats; i++) {
        const stride = i === 0 ? row.stride : 1;
        const input = x;
        const place = { stage, index: index++, number, parts: partsOf(row) };
        const block = names.block(place);
        x = branch(b, x, { ...row, stride, channels, block, number, parts: place.parts }, network, names);
        if (stride === 1 && channels === row.filters && (addsFirst || i > 0)) {
          const rate = ((network.dropConnect ?? 0) * number) / blocks;
          if (rate > 0) x = b.dropout(x, `${block}.stochastic_depth`, rate, { perSample: true });
          x = b.add(`${block}.add`, x, input);
        }
        channels = row.filters;
        number++;
      }
    }
  });
  x = convolution(x, names.head(stages.length, blocks), { filters: head, kernel: 1, activation });
  x = b.globalAveragePooling2d(x, names.pool);
  if (hidden !== undefined) {
    x = b.dense(x, names.hidden!, hidden);
    x = b.activation(x, `${names.hidden}.activation`, activation);
  }
  if (dropout > 0) x = b.dropout(x, names.dropout, dropout);
  return b.build(b.dense(x, names.classifier, classes));
}

interface Branch extends Blocks {
  readonly channels: number;
  readonly block: string;
  readonly number: number;
  readonly parts: readonly Part[];
}

/** What a block adds to its input. */
function branch(
  b: GraphBuilder,
  input: string,
  { block, number, parts, channels, kernel, stride, expansion, filters, activation, fused = false }: Branch,
  network: InvertedResidualNetwork,
  names: ModuleNames,
): string {
  const convolution = units(b, network, number);
  const within = activation ?? network.activation;
  const { rounded = roundChannels } = network;
  const expanded = rounded(channels * expansion);
  let x = input;
  for (const part of parts) {
    if (part === 'gate') {
      const { squeezed = quarterOfInput, inGate = 'relu', gate = 'sigmoid' } = network;
      const { reduce = 'fc1', expand = 'fc2' } = names;
      const between = { channels: expanded, squeezed: squeezed(channels, expanded) };
      const module = names.gate!(block, parts);
      x = squeezeExcite(b, x, { ...between, module, reduce, expand, activation: inGate, gate });
      continue;
    }
    const unit = {
      expand: { filters: expanded, ...(fused ? { kernel, stride } : { kernel: 1 }), activation: within },
      depthwise: { kernel, stride, activation: within },
      project: { filters, kernel: 1 },
    }[part];
    x = convolution(x, names.unit(block, part, parts), unit);
  }
  return x;
}

const quarterOfInput = (channels: number) => Math.round(channels / 4);

/** A fused block that is not wider within is one convolution. */
function partsOf({ expansion, gated = false, fused = false }: Blocks): readonly Part[] {
  if (fused) return expansion === 1 ? ['expand'] : ['expand', 'project'];
  return [
    ...(expansion === 1 ? [] : (['expand'] as const)),
    'depthwise',
    ...(gated ? (['gate'] as const) : []),
    'project',
  ];
}

interface Unit {
  /** Absent: each channel by itself. */
  readonly filters?: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly activation?: ActivationName;
}

/** A convolution with the network's padding, its batch norm and its activation. */
function units(b: GraphBuilder, { pad: rule, epsilon, momentum }: InvertedResidualNetwork, number?: number) {
  return (from: string, names: UnitNames, { filters, kernel, stride = 1, activation }: Unit): string => {
    const pad = padOf(rule, { kernel, stride, ...(number !== undefined && { number }) });
    const window = { kernel, stride, pad };
    let x =
      filters === undefined
        ? b.depthwiseConv2d(from, names.conv, window)
        : b.conv2d(from, names.conv, { filters, ...window });
    x = b.batchNormalization(x, names.norm, { epsilon, momentum });
    return activation === undefined ? x : b.activation(x, names.activation, activation);
  };
}

function padOf(
  rule: InvertedResidualNetwork['pad'],
  window: Parameters<PadRule>[0],
): ReturnType<PadRule> | 'same' {
  if (typeof rule === 'function') return rule(window);
  return rule === 'same' ? rule : (window.kernel - 1) / 2;
}

/** @param others the other names that state dicts have for the same weights */
export function invertedResiduals(
  name: string,
  network: InvertedResidualNetwork,
  names: ModuleNames,
  others: readonly ModuleNames[] = [],
): Architecture {
  const written = (as: ModuleNames, classes = 1) => invertedResidualNetwork(name, network, as, classes);
  return {
    build: (classes) => written(names, classes),
    classifier: names.classifier,
    namings: [
      asModules,
      ...others.map((other) =>
        asWritten(
          () => written(names),
          () => written(other),
        ),
      ),
    ],
  };
}
