// learning-curve.ts: the flags and help of `learning-curve`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { LearningCurveFlags } from '../config/learning-curve.ts';
import {
  addEndpointFlag,
  addInferenceFlags,
  DATASET_HELP,
  MANIFEST_HELP,
  MODEL_HELP,
  ROOT_HELP,
  type Finish,
} from './flags.ts';

export function addLearningCurve(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('learning-curve')
    .description('would more pictures help: heads on growing parts of a dataset')
    .argument('<dataset>', DATASET_HELP)
    .option('-m, --model <m>', `${MODEL_HELP} (default: ${DEFAULT_MODEL})`)
    .option('--format <f>', 'table, json or html (default: by the ending of --out, else table)')
    .option('-o, --out <file>', 'write there instead of stdout')
    .option('--manifest <columns>', MANIFEST_HELP)
    .option('--root <dir>', ROOT_HELP)
    .option(
      '--val-split <share>',
      'of pictures set aside to judge by, where the dataset is not divided (default: 0.2)',
    )
    .option('--head-c <c>', "an error's weight against the penalty, or auto (default: 1)")
    .option('--seed <n>', 'of the choices of pictures (default: 0)');
  addEndpointFlag(addInferenceFlags(command))
    .addHelpText(
      'after',
      `
The features are computed once and kept; then it takes seconds.

Examples:
  finch learning-curve ./birds
  finch learning-curve ./birds --model resnet18 --out curve.html

Exit codes: 0 all done, 2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (dataset: string, flags: LearningCurveFlags) => {
      const { learningCurveConfig } = await import('../config/learning-curve.ts');
      const config = learningCurveConfig(dataset, flags);
      const { showLearningCurve } = await import('../commands/learning-curve.ts');
      finish(await showLearningCurve(config, output));
    });
}
