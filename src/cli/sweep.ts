// sweep.ts: the flags and help of `sweep`. Calls the command, nothing more.

import { Option, type Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { SweepFlags } from '../config/sweep.ts';
import { knownFlags, withSettingsFile, type WithConfig } from './config-flag.ts';
import { DATASET_HELP, repeated, type Finish } from './flags.ts';
import { addLengthFlags, addNetworkFlags, addStageFlags } from './training-flags.ts';

export function addSweep(program: Command, output: Output, finish: Finish): void {
  const command = program
    .command('sweep')
    .description('runs of finetune over settings and seeds, and which of them are the best')
    .argument('[dataset]', DATASET_HELP)
    .optionsGroup('Sweep:')
    .option(
      '--grid <key=values>',
      'a flag of finetune and its values, separated by commas; one that has commas in [ ]; may be given several times',
      repeated,
    )
    .option('--seeds <list>', 'make each combination with each of these seeds, such as 0,1,2')
    .option('-o, --out <dir>', "the sweep's folder (default: runs/<dataset>-sweep-<n>); goes on where one is there")
    .option('--resume <dir>', 'go on with a sweep where it stopped')
    .option('--config <file>', "flags from a file, yaml or json, or a run's config.json; those given here count more")
    .option('--redis <url>', 'let workers make the runs (finch worker): redis://HOST:6379, as FINCH_REDIS where it has a password')
    .option('--queue <name>', 'which of the queues there (default: finch, where --redis is given)')
    .addOption(new Option('--format <f>', 'how to print').choices(['table', 'json', 'csv']).default('table'));
  addNetworkFlags(command).optionsGroup('Runs:');
  addLengthFlags(command);
  addStageFlags(command)
    .addHelpText(
      'after',
      `
All combinations of the values are checked before the first run. The folder has
report.html, results.csv, results.json, and a run's folder for each run.

Examples:
  finch sweep ./birds --grid lr=0.0001,0.00005 --grid augment=basic,randaugment
  finch sweep ./birds --grid model=resnet18,efficientnet_lite0 --epochs 0
  finch sweep ./birds --grid head-c=0.1,1,10 --epochs 0 --seeds 0,1,2
  finch sweep ./birds --grid 'feature-layers=[layer3,layer4],[layer4]' --model resnet18
  finch sweep --resume runs/birds-sweep-1            after Ctrl-C or a crash
  finch sweep /net/birds --grid lr=1e-4,5e-5 --out /net/sweep --redis redis://server

Exit codes: 0 all done, 1 finished, but a run failed, diverged or left pictures
out (its row says why), 2 wrong usage, 3 something needed is missing,
130 interrupted (go on with --resume).`,
    )
    .action(async (dataset: string | undefined, flags: SweepFlags & WithConfig, command: Command) => {
      const whole = await withSettingsFile(flags, dataset, command, output);
      const { sweepConfig } = await import('../config/sweep.ts');
      const config = sweepConfig(whole.dataset, whole.flags, knownFlags(command));
      const { sweep } = await import('../commands/sweep.ts');
      finish(await sweep(config, output));
    });
} // prettier-ignore
