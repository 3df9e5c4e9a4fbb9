// shards.ts: the flags and help of `shards` and its subcommands. It only calls the commands.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { LearnFlags } from '../config/learn-shards.ts';
import type { JoinFlags, ListFlags } from '../config/shards.ts';
import { AppError } from '../util/errors.ts';
import { addEndpointFlag, INPUT_HELP, type Finish } from './flags.ts';

export function addShards(program: Command, output: Output, finish: Finish): void {
  const command = () => import('../commands/shards.ts');
  const config = () => import('../config/shards.ts');
  const shards = program
    .command('shards')
    .description('list pictures once, so that many machines can each take a part')
    .argument('[input...]', `${INPUT_HELP}; s3://BUCKET/PREFIX`)
    .option('-n, --size <n>', 'pictures in a shard', '10000')
    .option('-o, --out <file>', 'the manifest, also s3://…/manifest.parquet (default: manifest.parquet)');
  addEndpointFlag(shards)
    .addHelpText(
      'after',
      `
Examples:
  finch shards ./photos --size 10000 --out manifest.parquet
  extract-features --manifest manifest.parquet --shard 17/120 --out rows/
  extract-features --manifest manifest.parquet --shard auto --out rows/
  finch shards verify rows/ --manifest manifest.parquet
  finch shards join rows/ --out features.npy
  finch shards learn rows/ --out runs/birds
  finch shards s3://photos/2024 --out s3://work/manifest.parquet
  extract-features --manifest s3://work/manifest.parquet --shard auto --out s3://work/rows/

Exit codes: 0 all done, 1 a shard is missing or wrong (verify),
2 wrong usage, 3 something needed is missing.`,
    )
    .action(async (inputs: string[], flags: ListFlags) => {
      const { listConfig } = await config();
      const listed = listConfig(inputs, flags);
      finish(await (await command()).list(listed, output));
    });
  /** The flags of the command above are taken first, wherever they stand: those that mean nothing here are refused. */
  const refuse = (...names: readonly string[]) => {
    const given = names.find((name) => shards.getOptionValueSource(name) === 'cli');
    if (given !== undefined) throw new AppError('USAGE', `--${given} belongs to finch shards INPUT, which lists pictures; leave it out`); // prettier-ignore
  };
  shards
    .command('verify')
    .description('which shards are missing, damaged, or made otherwise than the others')
    .argument('<folder>', 'where the shards are; also s3://BUCKET/PREFIX')
    .option('--manifest <file>', 'what they were made from')
    .action(async (folder: string, flags: { readonly manifest?: string }) => {
      refuse('size', 'out');
      finish(await (await command()).verify(folder, flags, output));
    });
  const joining = shards
    .command('join')
    .description('one dataset of all shards')
    .argument('<folder>', 'where the shards are; also s3://BUCKET/PREFIX')
    .option('-o, --out <file>', '.npy or .parquet; .csv, .errors.csv and .json come beside it (default: features.npy)')
    .option('--force', 'replace what is there')
    .action(async (folder: string) => {
      refuse('size');
      const { joinConfig } = await config();
      finish(await (await command()).join(joinConfig(folder, joining.optsWithGlobals<JoinFlags>()), output));
    });
  const learning = shards
    .command('learn')
    .description('a new head on the network that made the shards, whatever the number of rows')
    .argument('[folder]', 'where the shards are; also s3://BUCKET/PREFIX')
    .option('-m, --model <name>', 'the network that made the shards (default: by the name that they say)')
    .option('-o, --out <dir>', 'run folder (default: runs/<folder>-<model>-<n>)')
    .option('--method <name>', 'auto, converged (many passes over the rows), closed (one pass) (default: auto)')
    .option('--labels-from <file>', 'csv with the columns key and label (default: the class that the shards say)')
    .option('--val-split <share>', 'of the rows, to judge by; about 20,000 at most (default: 0.2)')
    .option('--head-c <c>', "how much an error weighs against the penalty: scikit-learn's C (default: 1)")
    .option('--head-epochs <n>', 'steps of the descent, at most: a pass over the rows each, seldom more (default: 100)')
    .option('--label-smoothing <share>', 'default: 0')
    .option('--class-weights', 'rare classes count more')
    .option('--resume <dir>', 'go on where a run stopped')
    .option('--threads <n>', 'CPU threads (default: one for each core)')
    .option('--offline', 'never fetch a model');
  addEndpointFlag(learning)
    .addHelpText(
      'after',
      `
The run folder is like one of finetune --epochs 0, and its best/ is a model.

Examples:
  finch shards learn rows/
  finch shards learn rows/ --method closed --out runs/birds
  finch shards learn rows/ --labels-from labels.csv
  finch shards learn --resume runs/birds
  classify photo.jpg --model runs/birds/best

Exit codes: 0 all done, 2 wrong usage, 3 something needed is missing,
130 interrupted (go on with --resume).`,
    )
    .action(async (folder: string | undefined) => {
      refuse('size');
      const { learnConfig } = await import('../config/learn-shards.ts');
      const { size: _, endpoint: __, debug: ___, ...flags } = learning.optsWithGlobals<LearnFlags & { readonly size?: string; readonly endpoint?: string; readonly debug?: boolean }>();
      finish(await (await command()).learn(learnConfig(folder, flags), output));
    });
} // prettier-ignore
