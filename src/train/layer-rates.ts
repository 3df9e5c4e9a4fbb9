// layer-rates.ts: learning rates that fall from the head to the picture (discriminative rates, layer-wise decay): what a network saw first it
// has learnt best. Sources: Howard and Ruder, ULMFiT (2018), 3.2; Bao and others, BEiT (2021), where each layer's rate is a share of the next one's.

import { learningLayers } from '../engine/training/learning.ts';
import { blocksOf } from '../graph/blocks.ts';
import type { Graph } from '../graph/layers.ts';

export interface LayerRates {
  /** Layers that learn, by blocks; those of the last block are in none. */
  readonly groups: readonly (readonly string[])[];
  /** The rate of each group, as a share of the last block's. */
  readonly shares: readonly number[];
}

interface Decay {
  /** The rate of a block as a share of that of the block behind it. */
  readonly decay: number;
  readonly trainFrom: string | undefined;
  /** `[H,W]` of the pictures. */
  readonly size: readonly [height: number, width: number];
}

export function layerRates(graph: Graph, { decay, trainFrom, size }: Decay): LayerRates {
  const learning = new Set(learningLayers(graph, trainFrom).map(({ name }) => name));
  const blocks = blocksOf(graph, size)
    .map((block) => block.filter((name) => learning.has(name)))
    .filter((block) => block.length > 0);
  const groups = blocks.slice(0, -1);
  return { groups, shares: groups.map((_, i) => decay ** (groups.length - i)) };
}

/** The rate of the last block, then that of each group. */
export const ratesOf = (rate: number, shares: readonly number[] = []): readonly number[] => [
  rate,
  ...shares.map((share) => rate * share),
];
