// inspect.ts: the flags and help of `inspect`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import type { InspectFlags } from '../config/features.ts';
import { addEndpointFlag, addInferenceFlags, CSV_SAFE_HELP, repeated, type Finish } from './flags.ts';

export function addInspect(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('inspect')
    .description(
      'what is in a dataset before training on it: counts, duplicates, leaks, labels that look wrong',
    )
    .argument(
      '<dir>',
      'class folders; train/, val/, test/ with class folders; .tar or .parquet files; s3://…',
    )
    .option('--format <f>', 'text, json or html (default: by the ending of --out, else text)')
    .option('-o, --out <file>', 'write there instead of stdout')
    .option('--list <file>', 'write what to look at as csv: path,problem,detail')
    .option('--csv-safe', CSV_SAFE_HELP)
    .option('--top <n>', 'how many suspected labels are listed at most', '30')
    .option('-m, --model <m>', 'whose features tell what is alike', DEFAULT_MODEL)
    .option('--layer <name>', "another layer than the classifier's input", repeated)
    .option('--pool <how>', 'avg, max or none', 'avg')
    .option('--no-cache', 'compute every row, and keep none');
  addEndpointFlag(addInferenceFlags(command))
    .addHelpText(
      'after',
      `
Nothing is changed or deleted.

Examples:
  finch inspect ./birds
  finch inspect ./birds --out birds.html
  finch inspect "birds-{train,val}-*.tar"
  finch inspect ./birds --format json | jq .leaks
  finch inspect ./birds --list look-at.csv

Exit codes: 0 all done, 1 some pictures cannot be read (they are listed),
2 wrong usage, 3 no such dataset.`,
    )
    .action(async (folder: string, flags: InspectFlags) => {
      const { inspectConfig } = await import('../config/features.ts');
      const config = inspectConfig(folder, flags);
      const { inspect } = await import('../commands/inspect.ts');
      finish(await inspect(config, output));
    });
}
