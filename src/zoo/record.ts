// record.ts: what finch knows of a network and of a set of published weights. Weights decide the preprocessing; no command
// hard-codes 224.

import type { Graph, Size2d } from '../graph/layers.ts';
import type { Shape } from '../util/shape.ts';
import type { Preprocessing, Rgb } from '../util/preprocessing.ts';

/** One row of models/published.json, completed. */
export interface WeightsRecord {
  /** As `--model` takes it: the architecture, and a version where several sets of weights are published. */
  readonly name: string;
  readonly architecture: string;
  readonly family: string;
  /**
   * Where the weights come from. `shipped` ones lie in `models/`; `file` ones cannot be downloaded by finch, because their licence
   * forbids it or no address with a checksum is known, and are imported from a file that the user has.
   */
  readonly origin:
    | { readonly kind: 'shipped'; readonly source: string }
    | { readonly kind: 'download'; readonly url: string; readonly sha256Prefix: string }
    | { readonly kind: 'file'; readonly source: string };
  /** Published networks see squares. */
  readonly preprocessing: Preprocessing & { readonly size: number };
  /** Learnable parameters as published; a test holds the graph to it. */
  readonly parameters: number;
  /** For one picture of the weights' own size. */
  readonly multiplyAdds: number;
  /** Published accuracy on ImageNet's validation set, in percent; null where none is published for these weights. */
  readonly top1: number | null;
  readonly top5: number | null;
  readonly licence: string;
}

/** A weight's name in a torch state dict, from its layer's name and torch's own suffix: `weight`, `bias`, `running_mean`. */
export type TorchNaming = (layer: string, suffix: string) => string;

/** Layers named as torch names their modules. */
export const asModules: TorchNaming = (layer, suffix) => `${layer}.${suffix}`;

/**
 * Layers named as another port names its modules: those of the same graph, written with the port's names.
 * @param own the graph, and @param other the same with the other names; both are built when the first name is asked for
 */
export function asWritten(own: () => Graph, other: () => Graph): TorchNaming {
  let names: ReadonlyMap<string, string> | undefined;
  return (layer, suffix) => {
    names ??= pairsOf(own(), other());
    return `${names.get(layer)}.${suffix}`;
  };
}

const pairsOf = (own: Graph, other: Graph) =>
  new Map(own.layers.map(({ name }, i) => [name, other.layers[i]!.name]));

/** One family's network, its layers named as torch names its modules. */
export interface Architecture {
  /** @param sides of the pictures, for networks whose layers depend on them; the usual ones by default */
  readonly build: (classes: number, sides?: Size2d) => Graph;
  /** The classifier: the layer that a new head replaces, and whose input is the picture's embedding. */
  readonly classifier: string;
  /** How state dicts name the weights: torchvision, timm and others differ. The first is used when weights are exported. */
  readonly namings: readonly TorchNaming[];
  /** Modules that state dicts have and the answer does not need: auxiliary heads of the training. */
  readonly auxiliary?: RegExp;
  /** Another network that was published under this one's name, told by the shape of one weight in torch's order. */
  readonly namesake?: { readonly weight: string; readonly shape: Shape; readonly what: string };
  /** The published weights are TensorFlow's, whose first of 1001 classes is the background: import leaves it out. */
  readonly hasBackground?: true;
  /** The published weights take blue, green, red; the first kernel is turned round when they are read and written. */
  readonly isBgr?: true;
}

/** A family's networks by name: one for each row of its table. */
export function familyOf<Variant>(
  variants: Readonly<Record<string, Variant>>,
  member: (name: string, variant: Variant) => Architecture,
): Readonly<Record<string, Architecture>> {
  return Object.fromEntries(Object.entries(variants).map(([name, variant]) => [name, member(name, variant)]));
}

/** Mean and standard deviation of pixels scaled to 0…1. */
export interface PixelStatistics {
  readonly mean: Rgb;
  readonly std: Rgb;
}

/** The pixel statistics that published weights were trained with, by the names of models/published.json. */
export const PIXELS = {
  /** ImageNet's training pictures, the customary numbers (torchvision's among many). */
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /** -1…1, TensorFlow's. */
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  /** EfficientNet-Lite: (byte - 127) / 128. */
  lite: { mean: [127 / 255, 127 / 255, 127 / 255], std: [128 / 255, 128 / 255, 128 / 255] },
  /** Pixels of 0…1 as they are. */
  none: { mean: [0, 0, 0], std: [1, 1, 1] },
  /** Caffe: bytes less their mean, as Cadene's BN-Inception takes them. */
  caffe: { mean: [128 / 255, 117 / 255, 104 / 255], std: [1 / 255, 1 / 255, 1 / 255] },
  /** OverFeat: (byte - 118.380948) / 61.896913. */
  overfeat: {
    mean: [118.380948 / 255, 118.380948 / 255, 118.380948 / 255],
    std: [61.896913 / 255, 61.896913 / 255, 61.896913 / 255],
  },
} as const satisfies Record<string, PixelStatistics>;
