// record.ts: what finch knows of a set of published weights. Weights decide the preprocessing; no command hard-codes 224.

import type { Graph } from '../graph/layers.ts';
import type { Preprocessing } from '../util/preprocessing.ts';

export interface WeightsRecord {
  /** As `--model` takes it: the architecture, and a version where several sets of weights are published. */
  readonly name: string;
  readonly architecture: string;
  /** Where the weights come from; `shipped` ones lie in `models/`. */
  readonly origin:
    | { readonly kind: 'shipped'; readonly source: string }
    | { readonly kind: 'download'; readonly url: string; readonly sha256Prefix: string };
  readonly preprocessing: Preprocessing;
  /** Learnable parameters as published; a test holds the graph to it. */
  readonly parameters: number;
  /** Published accuracy on ImageNet's validation set, in percent; null where none is published for these weights. */
  readonly top1: number | null;
  readonly top5: number | null;
  readonly licence: string;
}

/** One family's network, its layers named as torch names its modules. */
export interface Architecture {
  readonly build: (classes: number) => Graph;
  /** The classifier: the layer that a new head replaces, and whose input is the picture's embedding. */
  readonly classifier: string;
  /** Torch's name of a layer's module, where it is not the layer's own. */
  readonly torchName?: (layer: string) => string;
}

/** Mean and standard deviation of ImageNet's training pixels, the customary ones (torchvision's among many). */
export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;
