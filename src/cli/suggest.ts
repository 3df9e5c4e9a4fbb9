// suggest.ts: the flags and help of `suggest`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { SuggestFlags } from '../config/suggest.ts';
import { addInferenceFlags, CSV_SAFE_HELP, INPUT_HELP, MODEL_HELP, type Finish } from './flags.ts';

export function addSuggest(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('suggest')
    .description('which pictures to label next: unlike what is labelled, and the network unsure of them')
    .argument('<input...>', INPUT_HELP)
    .option('-m, --model <m>', MODEL_HELP, DEFAULT_MODEL)
    .option('-n, --count <n>', 'how many pictures', '50')
    .option(
      '--labelled <folder>',
      'what is labelled already: copies of it are left out, and pictures like it wanted less',
    )
    .option('--format <f>', 'table, json or csv', 'table')
    .option('--csv-safe', CSV_SAFE_HELP)
    .option('--no-cache', 'compute every row, and keep none');
  addInferenceFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  finch suggest ./new --model runs/birds/best --count 20
  finch suggest ./new --model runs/birds/best --labelled ./birds --format csv

Exit codes: 0 all done, 1 some pictures cannot be read (they are left out),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: SuggestFlags) => {
      const { suggestConfig } = await import('../config/suggest.ts');
      const config = suggestConfig(inputs, flags);
      const { suggest } = await import('../commands/suggest.ts');
      finish(await suggest(config, output));
    });
}
