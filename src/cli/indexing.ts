// indexing.ts: the flags and help of `index` and its subcommands. It only calls the commands.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { BuildFlags } from '../config/indexing.ts';
import { addEndpointFlag, type Finish } from './flags.ts';

export const FEATURES_HELP =
  'features.npy, with the .csv and .json beside it; a shard, or a folder of shards (also s3://BUCKET/PREFIX)';

export function addIndex(program: Command, output: Output, finish: Finish): void {
  const config = () => import('../config/indexing.ts');
  const command = () => import('../commands/indexing.ts');
  const index = program
    .command('index')
    .description('an index of many rows of features, for finch search and serve')
    .addHelpText(
      'after',
      `
Needs usearch beside finch: npm install usearch (docs/search-at-size.md says
which version).

Examples:
  finch index build photos.npy --out photos.index
  finch index build rows/ --out photos.index         a folder of shards
  finch index add more.npy --to photos.index         also: go on after Ctrl-C
  finch search cat.jpg --in photos.index
  finch serve --index photos.index

Exit codes: 0 all done, 2 wrong usage, 3 something needed is missing,
130 interrupted; what was taken is in the index (with --force: the former one is).`,
    );
  const building = index
    .command('build')
    .description('a new index of rows of features')
    .argument('<features...>', FEATURES_HELP)
    .requiredOption('-o, --out <folder>', 'where it goes')
    .option('--connectivity <n>', 'neighbours of a row: more finds more, and takes more memory', '16')
    .option('--expansion <n>', 'candidates for these: more finds more, and takes longer to build', '128')
    .option('--force', 'replace an index that is there, once the new one is whole');
  addEndpointFlag(building).action(async (features: string[], flags: BuildFlags) => {
    const { buildConfig } = await config();
    const built = buildConfig(features, flags);
    finish(await (await command()).index(built, output));
  });
  const adding = index
    .command('add')
    .description('more rows into an index; those that are in it already are left out')
    .argument('<features...>', FEATURES_HELP)
    .requiredOption('--to <folder>', 'the index');
  addEndpointFlag(adding).action(async (features: string[], flags: { readonly to: string }) => {
    const { addConfig } = await config();
    const grown = addConfig(features, flags);
    finish(await (await command()).index(grown, output));
  });
} // prettier-ignore
