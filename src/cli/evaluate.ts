// evaluate.ts: the flags and help of `evaluate`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { EvaluateFlags } from '../config/evaluate.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import {
  addEndpointFlag,
  addInferenceFlags,
  CLASSES_HELP,
  CSV_SAFE_HELP,
  DATASET_HELP,
  MANIFEST_HELP,
  MODELS_HELP,
  ROOT_HELP,
  type Finish,
} from './flags.ts';

export function addEvaluate(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('evaluate')
    .description('how well a network knows a labelled dataset: accuracy, per class, confusion, calibration')
    .argument('<dataset>', DATASET_HELP)
    .option('-m, --model <m>', MODELS_HELP, DEFAULT_MODEL)
    .option('--classes <words>', CLASSES_HELP)
    .option('--split <s>', 'train, val, test or all (default: test, else val, else all there is)')
    .option('--manifest <columns>', MANIFEST_HELP)
    .option('--root <dir>', ROOT_HELP)
    .option('--unknown <dir>', 'pictures of no class: how well the model tells them')
    .option('--format <f>', 'table, json or csv', 'table')
    .option('--report <file>', 'one HTML page with everything, the worst mistakes with their pictures')
    .option('--predictions <file>', 'a csv with a row a picture: file, truth, said, probability')
    .option('--csv-safe', CSV_SAFE_HELP);
  addEndpointFlag(addInferenceFlags(command))
    .addHelpText(
      'after',
      `
Examples:
  finch evaluate ./birds --model runs/birds/best
  finch evaluate ./birds --model runs/birds/best --format json | jq .top1
  finch evaluate ./imagenet --model hf:microsoft/resnet-18
  finch evaluate 'birds/{train,val}-*.tar' --model runs/birds/best
  finch evaluate photos.csv --manifest file,wnid --report report.html
  finch evaluate ./birds --model runs/birds/best --predictions said.csv
  finch evaluate ./birds --model runs/birds/best --unknown ./other

Exit codes: 0 all done, 1 some pictures failed (they are listed),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (dataset: string, flags: EvaluateFlags) => {
      const { evaluateConfig } = await import('../config/evaluate.ts');
      const config = evaluateConfig(dataset, flags);
      const { evaluate } = await import('../commands/evaluate.ts');
      finish(await evaluate(config, output));
    });
}
