// finetune.ts: the flags and help of `finetune`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { GivenFinetuneFlags } from '../config/finetune-settings.ts';
import { withSettingsFile, type WithConfig } from './config-flag.ts';
import { DATASET_HELP, type Finish } from './flags.ts';
import { addLengthFlags, addNetworkFlags, addStageFlags } from './training-flags.ts';

export function addFinetune(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('finetune')
    .description('teach a network your own classes: first a new head, then all of it')
    .argument('[dataset]', DATASET_HELP);
  addNetworkFlags(command)
    .optionsGroup('Run:')
    .option('-o, --out <dir>', 'run folder (default: runs/<dataset>-<model>-<n>)')
    .option(
      '--resume [dir]',
      'go on exactly where a run stopped, or with more --epochs than a finished one has; without a folder: that of --out, else the latest of this dataset',
    )
    .option(
      '--config <file>',
      "flags from a file, yaml or json, or a run's config.json; those given here count more",
    );
  addLengthFlags(command)
    .optionsGroup('Instead of training:')
    .option(
      '--find-lr [file]',
      'instead of training: try rates, draw the losses and suggest one (default: find-lr.html)',
    )
    .option('--preview-augment <file>', 'instead of training: an html page of what training would see');
  addStageFlags(command)
    .addHelpText(
      'after',
      `
DATASET is divided into what is learnt and what is judged by: train/ and val/
(or test/) where it has them, else by --val-split.

Examples:
  finetune ./birds
  finetune ./birds --minutes 3                       all that fits into them
  finetune ./birds --epochs 0                        a new head only: seconds
  finetune ./birds --epochs 100 --patience 10 --augment randaugment
  finetune ./birds --model resnet50 --lr 0.00005 --out runs/birds
  finetune ./birds --model hf:microsoft/resnet-18    fetched from a hub
  finetune ./birds --model vit.onnx --mean 0.5 --std 0.5
  finetune --resume runs/birds                       after Ctrl-C or a crash
  finetune --resume runs/birds --epochs 20    more epochs for a finished run
  finetune ./birds --config runs/birds/config.json --seed 1
  finetune photos.csv --manifest file,label          several labels: a|b
  finetune ./birds --preview-augment augment.html
  finetune ./birds --find-lr
  classify photo.jpg --model runs/birds/best

Exit codes: 0 all done, 1 finished, but some pictures failed or training
diverged, 2 wrong usage, 3 something needed is missing,
130 interrupted (go on with --resume).`,
    )
    .action(async (dataset: string | undefined, flags: GivenFinetuneFlags & WithConfig, command: Command) => {
      const whole = await withSettingsFile(flags, dataset, command, output);
      const { finetune } = await import('../commands/finetune.ts');
      finish(await finetune(whole.dataset, whole.flags, output));
    });
}
