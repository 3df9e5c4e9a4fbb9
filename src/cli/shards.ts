// shards.ts: the flags and help of `shards` and its subcommands. It only calls the commands.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { JoinFlags, ListFlags } from '../config/shards.ts';
import { INPUT_HELP, type Finish } from './flags.ts';

export function addShards(program: Command, output: Output, finish: Finish): void {
  const command = () => import('../commands/shards.ts');
  const config = () => import('../config/shards.ts');
  const shards = program
    .command('shards')
    .description('list pictures once, so that many machines can each take a part')
    .argument('[input...]', INPUT_HELP)
    .option('-n, --size <n>', 'pictures in a shard', '10000')
    .option('-o, --out <file>', 'the manifest (default: manifest.parquet)')
    .addHelpText(
      'after',
      `
Examples:
  finch shards ./photos --size 10000 --out manifest.parquet
  extract-features --manifest manifest.parquet --shard 17/120 --out rows/
  extract-features --manifest manifest.parquet --shard auto --out rows/
  finch shards verify rows/ --manifest manifest.parquet
  finch shards join rows/ --out features.npy

Exit codes: 0 all done, 1 a shard is missing or wrong (verify),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: ListFlags) => {
      const { listConfig } = await config();
      const listed = listConfig(inputs, flags);
      finish(await (await command()).list(listed, output));
    });
  shards
    .command('verify')
    .description('which shards are missing, damaged, or made otherwise than the others')
    .argument('<folder>', 'where the shards are')
    .option('--manifest <file>', 'what they were made from')
    .action(async (folder: string, flags: { readonly manifest?: string }) => {
      finish(await (await command()).verify(folder, flags, output));
    });
  const joining = shards
    .command('join')
    .description('one dataset of all shards')
    .argument('<folder>', 'where the shards are')
    .option('-o, --out <file>', '.npy or .parquet; .csv, .errors.csv and .json come beside it (default: features.npy)')
    .option('--force', 'replace what is there')
    .action(async (folder: string) => {
      const { joinConfig } = await config();
      // --out is a flag of the command above too, which takes it first.
      finish(await (await command()).join(joinConfig(folder, joining.optsWithGlobals<JoinFlags>()), output));
    });
} // prettier-ignore
