// finetune-settings.ts: finetune's flags as they are given, and the configuration that they become. Plain data.

import type { MixSpec } from '../dataset/prepare-batch.ts';
import type { SamplerName } from '../dataset/sampler.ts';
import type { Optimizer } from '../engine/training.ts';
import type { AugmentSpec } from '../images/augment/augment.ts';
import type { RecipeName } from '../train/recipe.ts';
import type { ScheduleSpec } from '../train/schedule.ts';
import type { Pool } from '../util/pooling.ts';
import type { InferenceConfig, InferenceFlags } from './inference.ts';

/** As commander hands them over; what is absent is the recipe's. */
export interface FinetuneFlags extends InferenceFlags {
  readonly join?: string;
  readonly layer?: string;
  readonly featureLayers?: string;
  readonly featurePool?: string;
  readonly featureSize?: string;
  readonly featureMirror?: boolean;
  readonly manifest?: string;
  readonly root?: string;
  readonly recipe?: string;
  readonly epochs?: string;
  readonly headEpochs?: string;
  readonly headLr?: string;
  readonly headViews?: string;
  readonly headC?: string;
  readonly lr?: string;
  readonly optimizer?: string;
  readonly momentum?: string;
  readonly weightDecay?: string;
  readonly schedule?: string;
  readonly stepSize?: string;
  readonly gamma?: string;
  readonly minLr?: string;
  readonly warmupEpochs?: string;
  readonly schedulePatience?: string;
  readonly loss?: string;
  readonly labelSmoothing?: string;
  readonly classWeights?: boolean;
  readonly augment?: string;
  readonly raN?: string;
  readonly raM?: string;
  readonly minCrop?: string;
  readonly colorJitter?: string;
  readonly randomErasing?: string;
  readonly mixup?: string;
  readonly cutmix?: string;
  readonly sampler?: string;
  readonly batchNorm?: string;
  readonly trainFrom?: string;
  readonly cachedViews?: string;
  readonly trainSize?: string;
  readonly layerDecay?: string;
  readonly minutes?: string;
  readonly valSplit?: string;
  readonly seed?: string;
  readonly patience?: string;
  readonly ema?: string;
  readonly clipNorm?: string;
  readonly accumulate?: string;
  readonly checkpointMinutes?: string;
  readonly tensorboard?: boolean;
  readonly out?: string;
  /** True where no folder was named. */
  readonly resume?: string | true;
  readonly findLr?: string | true;
  readonly previewAugment?: string;
}

/** Flags as they were given: without `--model`, a new run takes the default and one that goes on its own. */
export type GivenFinetuneFlags = Omit<FinetuneFlags, 'model'> & Partial<Pick<FinetuneFlags, 'model'>>;

export const LOSSES = ['cross-entropy', 'bce', 'bce-logits'] as const;
type LossName = (typeof LOSSES)[number];

/** Everything that decides what a run computes: plain data, kept in the run folder. */
export interface TrainSettings {
  readonly recipe: RecipeName;
  /** Another network, whose features the head takes too: a name, or a folder. */
  readonly join?: string;
  /** What the head is put on; absent: the input of the network's own classifier. */
  readonly layers?: readonly string[];
  /** How the places of these layers become a vector; absent: as the network does it, or their mean. */
  readonly pool?: Pool;
  /** Whether the head takes the mean over each picture and its mirror image. */
  readonly mirror?: true;
  readonly epochs: number;
  readonly batchSize: number;
  readonly head: {
    readonly method: 'converged' | 'adam';
    readonly epochs: number;
    readonly rate: number;
    /**
     * How much an error weighs against the penalty on the weights of a head that converges: scikit-learn's C. `auto`: found by
     * cross-validation on the pictures to learn from.
     */
    readonly c: number | 'auto';
    /** Augmented views of each picture, besides its middle. */
    readonly views: number;
  };
  readonly optimizer: Optimizer;
  readonly schedule: ScheduleSpec;
  /** Absent: by the data, one label or several. */
  readonly loss?: LossName;
  readonly labelSmoothing: number;
  readonly classWeights: boolean;
  /** Absent: the pictures as they are when classified. */
  readonly augment?: AugmentSpec;
  readonly mix?: MixSpec;
  readonly sampler: SamplerName;
  readonly batchNorm: 'train' | 'frozen';
  readonly trainFrom?: string;
  /** Views of each picture that what stands before `trainFrom` is run on once, before stage 2; 0: it runs in every step. */
  readonly cachedViews: number;
  /**
   * Sides of the pictures of stage 2's steps, one after the other, each for an equal share of the epochs; absent: that of those that
   * the network is judged by.
   */
  readonly trainSizes?: readonly number[];
  /** The rate of each block of layers, as a share of that of the block behind it; absent: all have the same. */
  readonly layerDecay?: number;
  /** The run is planned to take so long; absent: as long as its epochs take. */
  readonly minutes?: number;
  readonly valSplit: number;
  readonly seed: number;
  readonly patience?: number;
  /** Epochs within which stage 2 has to surpass what was there before; absent: all epochs are run. */
  readonly gainWithin?: number;
  /** Decay; 0: no averaging, 1: an average that spans a share of the run. */
  readonly ema: number;
  /** Of the gradients; 0: none. */
  readonly clipNorm: number;
  readonly accumulate: number;
}

export interface FinetuneConfig extends InferenceConfig {
  /** A folder or a csv. */
  readonly dataset: string;
  readonly manifest?: string;
  readonly root?: string;
  readonly settings: TrainSettings;
  /** Whether a step may be computed in parts where memory does not hold its batch: nobody asked for that size. */
  readonly mayDivide: boolean;
  readonly out?: string;
  readonly checkpointMinutes: number;
  /** Writes the curves and some pictures as TensorBoard reads them. */
  readonly tensorboard: boolean;
  /** Instead of training: an html file. */
  readonly findRate?: string;
  readonly previewAugment?: string;
}
