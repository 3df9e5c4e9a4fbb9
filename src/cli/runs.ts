// runs.ts: the flags and help of `runs` and its subcommands. It only calls the commands.

import { Option, type Command } from 'commander';
import type { CompareFlags } from '../commands/runs.ts';
import type { Output } from '../commands/output.ts';
import type { Finish } from './flags.ts';

export function addRuns(program: Command, output: Output, finish: Finish): void {
  const runs = program
    .command('runs')
    .description('list the runs of finetune, compare two, delete')
    .addHelpText(
      'after',
      `
Examples:
  finch runs list
  finch runs compare runs/birds-1 runs/birds-2
  finch runs compare runs/birds-1 runs/birds-2 --out compared.html
  finch runs delete runs/birds-1`,
    );
  const command = () => import('../commands/runs.ts');
  runs
    .command('list')
    .description('the runs in a folder: score, loss, time, where they started from')
    .argument('[folder]', 'where the runs are', 'runs')
    .addOption(new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (folder: string, { format }: { readonly format: string }) => {
      finish(await (await command()).list(folder, format, output));
    });
  runs
    .command('compare')
    .description('settings that differ, curves, and a paired test on the pictures that judged both')
    .argument('<run>', "a run's folder")
    .argument('<other>', 'another')
    .addOption(new Option('--format <f>', 'how to print (default: by the ending of --out, else table)').choices(['table', 'json', 'html']))
    .option('-o, --out <file>', 'write there instead of stdout')
    .action(async (run: string, other: string, flags: CompareFlags) => {
      finish(await (await command()).compare(run, other, flags, output));
    });
  runs
    .command('delete')
    .description('move runs into the folder .trash beside them')
    .argument('<run...>', 'folders of runs')
    .option('-y, --yes', 'do not ask')
    .action(async (folders: string[], { yes = false }: { readonly yes?: boolean }) => {
      finish(await (await command()).remove(folders, yes, output));
    });
} // prettier-ignore
