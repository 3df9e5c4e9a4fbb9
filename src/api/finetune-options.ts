// finetune-options.ts: the options of the library's `finetune`: the flags of the command in camelCase (docs/finetune.md).

import type { PreprocessingOptions, RunOptions } from './options.ts';
import type { WorkOptions } from './work.ts';

/** An option that is not given has the recipe's value. */
export interface FinetuneOptions extends Omit<RunOptions, 'batchSize' | 'preprocessing'>, WorkOptions {
  /** Where to start from: a model's name or folder; `efficientnet_lite0` by default. */
  readonly model?: string | undefined;
  /** Columns of a csv of pictures, such as `file,label`, or the csv's name inside the dataset. */
  readonly manifest?: string | undefined;
  readonly recipe?: 'default' | 'tutorial' | undefined;
  /** The run's folder; `runs/<dataset>-<model>-<n>` by default. */
  readonly out?: string | undefined;
  /** Go on where a run stopped: its folder, or true for the latest of this dataset. */
  readonly resume?: string | true | undefined;
  /** The seed of every random choice: 0 to 2^32 - 1; 0 by default. */
  readonly seed?: number | undefined;
  /** Share of the pictures set aside to judge by, where the dataset has no val/ or test/: above 0, at most 0.9. */
  readonly valSplit?: number | undefined;
  /** Minutes between checkpoints within an epoch; 5 by default. */
  readonly checkpointMinutes?: number | undefined;
  /** Write the curves, and pictures of mistakes, as TensorBoard reads them, into the run's folder `tensorboard`. */
  readonly tensorboard?: boolean | undefined;
  readonly preprocessing?: PreprocessingOptions | undefined;

  /** A second network, of which the head takes the features too: a name, or a folder. */
  readonly join?: string | undefined;
  /** The layer whose output the head takes; the input of the network's own classifier by default. */
  readonly layer?: string | undefined;
  /** Several layers, whose vectors are joined. */
  readonly featureLayers?: readonly string[] | undefined;
  /** What the places of such a layer become: their mean (the default), their maximum, or both. */
  readonly featurePool?: 'avg' | 'max' | 'avg+max' | undefined;
  /** Side of the pictures that the network sees, in pixels; the model's own by default. */
  readonly featureSize?: number | undefined;
  /** The head takes the mean over each picture and its mirror image: twice the time at every use. */
  readonly featureMirror?: boolean | undefined;
  /** `int8`: stage 1 learns on features of a quantized model that are computed in 8 bits; `float32` by default. */
  readonly precision?: 'float32' | 'int8' | undefined;
  /** The largest number of passes of stage 1, which trains the head. */
  readonly headEpochs?: number | undefined;
  /** Learning rate of stage 1, which then uses Adam instead of computing the converged head. */
  readonly headLr?: number | undefined;
  /** Weight of an error against the penalty on a converged head's weights: scikit-learn's C, or `auto`: by cross-validation; 1 by default. */
  readonly headC?: number | 'auto' | undefined;
  /** Augmented views of each picture for stage 1, in addition to its centre crop. */
  readonly headViews?: number | undefined;

  /** Epochs of stage 2, in which all weights learn; 0: the head alone. */
  readonly epochs?: number | undefined;
  /** Pictures in a step, 1 to 1024; 32 by default. */
  readonly batchSize?: number | undefined;
  readonly lr?: number | undefined;
  readonly optimizer?: 'sgd' | 'adam' | 'adamw' | undefined;
  /** Giving a momentum selects SGD. */
  readonly momentum?: number | undefined;
  readonly weightDecay?: number | undefined;
  readonly schedule?: 'constant' | 'step' | 'exponential' | 'cosine' | 'onecycle' | 'plateau' | undefined;
  readonly stepSize?: number | undefined;
  readonly gamma?: number | undefined;
  readonly minLr?: number | undefined;
  readonly warmupEpochs?: number | undefined;
  readonly schedulePatience?: number | undefined;
  readonly loss?: 'cross-entropy' | 'bce' | 'bce-logits' | undefined;
  readonly labelSmoothing?: number | undefined;
  /** Rare classes weigh more in the loss. */
  readonly classWeights?: boolean | undefined;
  readonly augment?: 'basic' | 'randaugment' | 'trivialaugment' | 'none' | undefined;
  readonly raN?: number | undefined;
  readonly raM?: number | undefined;
  readonly minCrop?: number | undefined;
  readonly colorJitter?: number | undefined;
  readonly randomErasing?: number | undefined;
  readonly mixup?: number | undefined;
  readonly cutmix?: number | undefined;
  readonly sampler?: 'shuffle' | 'weighted' | undefined;
  readonly batchNorm?: 'train' | 'frozen' | undefined;
  /** In stage 2, only this layer or module and the layers after it are trained. */
  readonly trainFrom?: string | undefined;
  /** Layers before `trainFrom` run once, on so many views of each picture, instead of in every step; 0 by default. */
  readonly cachedViews?: number | undefined;
  /**
   * Side of the pictures that stage 2 learns from, in pixels; that of the pictures that it is judged by, by default. Several: one after
   * the other, each for an equal share of the epochs.
   */
  readonly trainSize?: number | readonly number[] | undefined;
  /** In stage 2, the learning rate of each block of layers, as a share of that of the block behind it; 1 by default. */
  readonly layerDecay?: number | undefined;
  /** The run is planned to end after so long, with the best network within it; instead of `epochs`. */
  readonly minutes?: number | undefined;
  /** Stop after so many epochs without improvement. */
  readonly patience?: number | undefined;
  /** Decay of the averaged weights; 1: over a share of the run; 0: none. */
  readonly ema?: number | undefined;
  /** Gradients are scaled down to this norm; 0: never. */
  readonly clipNorm?: number | undefined;
  /** Steps whose gradients are averaged before the weights move. */
  readonly accumulate?: number | undefined;
}
