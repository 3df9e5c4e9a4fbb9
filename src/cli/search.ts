// search.ts: the flags and help of `search`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { SearchFlags } from '../config/features.ts';
import { addEndpointFlag, addInferenceFlags, INPUT_HELP, repeated, type Finish } from './flags.ts';

export function addSearch(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('search')
    .description('the pictures nearest to a picture or to words, by the features that extract-features wrote')
    .argument('<query...>', `${INPUT_HELP}; words, where the model compares pictures with words`)
    .requiredOption(
      '--in <file>',
      'the features: .npy, with the .csv and .json beside it; or an index (finch index build)',
    )
    .option('-k, --topk <k>', 'how many pictures', '10')
    .option('--format <f>', 'table, json or html (default: by the ending of --out, else table)')
    .option('-o, --out <file>', 'write there instead of stdout')
    .option('-m, --model <m>', 'another model than the one that made the features')
    .option('--layer <name>', 'another layer', repeated)
    .option('--pool <how>', 'another pooling: avg, max or none')
    .option('--no-cache', 'compute the queries, and keep nothing');
  addEndpointFlag(addInferenceFlags(command))
    .addHelpText(
      'after',
      `
Examples:
  extract-features ./photos --out photos.npy
  finch search cat.jpg --in photos.npy --topk 5
  finch search ./cats --in photos.npy --out nearest.html
  finch search cat.jpg --in photos.npy --format json | jq ".[].results[].file"
  extract-features ./photos --out clip.npy --model ./clip
  finch search "a red bird on snow" --in clip.npy    CLIP or SigLIP

Exit codes: 0 all done, 1 some queries failed (their rows say why),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: SearchFlags) => {
      const { searchConfig } = await import('../config/features.ts');
      const config = searchConfig(inputs, flags);
      const { search } = await import('../commands/search.ts');
      finish(await search(config, output));
    });
}
