// training-flags.ts: the flags that say how a network is taught, of the commands that train: `finetune` and `sweep`.

import type { Command } from 'commander';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import { addEndpointFlag, addInferenceFlags, MANIFEST_HELP, MODEL_HELP, ROOT_HELP } from './flags.ts';

/** Where it starts from, and what it learns. */
export function addNetworkFlags(command: Command): Command {
  return addEndpointFlag(command.optionsGroup('Network and data:'))
    .option('-m, --model <m>', `where to start from: ${MODEL_HELP} (default: ${DEFAULT_MODEL})`)
    .option(
      '--layer <name>',
      "put the head on this layer's output (default: the input of the network's own classifier)",
    )
    .option('--feature-layers <names>', 'put the head on several layers, joined: names separated by commas')
    .option(
      '--feature-pool <how>',
      'avg, max or avg+max: what the places of such a layer become (default: avg)',
    )
    .option('--join <model>', 'a second network, of which the head takes the features too')
    .option('--feature-size <px>', "of the pictures that the network sees (default: the model's own)")
    .option(
      '--feature-mirror',
      'let the network see each picture and its mirror image: better on some networks, in twice the time at every use',
    )
    .option(
      '--recipe <r>',
      'default, or tutorial: 1 epoch of Adam on the head, then SGD 0.001 with StepLR(2, 0.9)',
    )
    .option('--manifest <columns>', MANIFEST_HELP)
    .option('--root <dir>', ROOT_HELP)
    .option(
      '--val-split <share>',
      'of pictures set aside to judge by, where the dataset has no val/ or test/ (default: 0.2)',
    );
}

/** How long a run is, and what it keeps. */
export function addLengthFlags(command: Command): Command {
  return command
    .option(
      '--epochs <n>',
      'of stage 2, all weights; 0: only the head (default: up to 10, fewer where nothing is gained)',
    )
    .option('--minutes <m>', 'plan everything so that the run ends after so long; instead of --epochs')
    .option('--patience <n>', 'stop after so many epochs without improvement')
    .option('--seed <n>', 'of every random choice (default: 0)')
    .option('--tensorboard', 'write the curves for TensorBoard too, into the folder tensorboard of the run')
    .option('--checkpoint-minutes <m>', 'between checkpoints within an epoch (default: 5)');
}

/** Both stages, and what computes them. */
export function addStageFlags(command: Command): Command {
  command
    .optionsGroup('Stage 1, the head:')
    .option(
      '--precision <p>',
      'stage 1: float32 or int8, for features of a quantized model (default: float32)',
    )
    .option(
      '--head-epochs <n>',
      'at most so many of stage 1, the head (default: until it converges, at most 100)',
    )
    .option(
      '--head-c <c>',
      "stage 1: an error's weight against the penalty, scikit-learn's C, or auto: by cross-validation (default: 1)",
    )
    .option('--head-views <n>', 'stage 1: augmented views of each picture, besides its middle (default: 0)')
    .option('--head-lr <rate>', "stage 1's rate, with Adam instead of the converged head")
    .optionsGroup('Augmentation:')
    .option('--augment <a>', 'basic (crop and flip), randaugment, trivialaugment or none (default: basic)')
    .option('--ra-n <n>', 'randaugment: operations one after another (default: 2)')
    .option('--ra-m <m>', "randaugment: magnitude, 0 to 10 (default: 3, torchvision's 9 of 31)")
    .option('--min-crop <share>', 'smallest share of the area that a random crop keeps')
    .option('--color-jitter <f>', 'brightness, contrast and saturation by 1 ± f')
    .option('--random-erasing <p>', 'probability that a part of the picture is erased')
    .option('--mixup <alpha>', 'mix pictures in pairs, shares from Beta(alpha, alpha)')
    .option('--cutmix <alpha>', 'paste parts of one picture into another, areas from Beta(alpha, alpha)')
    .optionsGroup('Stage 2, all weights:')
    .option('--lr <rate>', "stage 2's rate (default: 0.0001, sgd: 0.005; tutorial: 0.001)")
    .option('--train-from <layer>', 'stage 2: only this layer or module and what comes behind it')
    .option(
      '--cached-views <n>',
      'what stands before --train-from runs once, on n views of each picture (default: 0, in every step)',
    )
    .option(
      '--train-size <px,…>',
      'of the pictures that stage 2 learns from; several: one after the other, each for an equal share of the epochs (default: as judged)',
    )
    .option(
      '--layer-decay <d>',
      'the rate of each block of layers, as a share of that of the block behind it (default: 1)',
    )
    .option('--optimizer <o>', 'stage 2: sgd, adam or adamw (default: adamw)')
    .option('--momentum <m>', 'chooses sgd, with this momentum (default: 0.9)')
    .option('--weight-decay <d>', "(default: the recipe's)")
    .option('--schedule <s>', 'constant, step, exponential, cosine, onecycle or plateau')
    .option('--step-size <n>', 'step: epochs between drops')
    .option('--gamma <g>', 'step, exponential, plateau: what the rate is multiplied by')
    .option('--min-lr <rate>', 'the rate does not fall below it')
    .option('--warmup-epochs <n>', 'epochs in which the rate grows from 0')
    .option('--schedule-patience <n>', 'plateau: epochs without improvement before a drop (default: 10)')
    .option('--batch-norm <how>', 'stage 2: train or frozen statistics')
    .option(
      '--ema <decay>',
      'judge and keep averaged weights; 1: over a share of the run, less: over 1 / (1 - decay) steps, 0: the latest',
    )
    .option('--clip-norm <n>', 'scale gradients down to this norm; 0: never')
    .option('--accumulate <n>', 'steps whose gradients are averaged before the weights move')
    .optionsGroup('Loss and classes:')
    .option('--loss <l>', 'cross-entropy, bce or bce-logits (default: by the data, one label or several)')
    .option('--label-smoothing <s>', 'share of a target that all classes divide among them (default: 0)')
    .option('--class-weights', 'rare classes weigh more in the loss')
    .option('--sampler <s>', 'shuffle, or weighted: every class is drawn equally often (default: shuffle)');
  command.optionsGroup('Device and pictures:');
  return addInferenceFlags(command, 'pictures in a step (default: 32)');
}
