// doctor.ts: the flags and help of `doctor`. Calls the command, nothing more.

import { Option, type Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { Finish } from './flags.ts';

export function addDoctor(program: Command, output: Output, finish: Finish): void {
  program
    .command('doctor')
    .description('what is installed, what each engine and device can do here, and how to get the rest')
    .addOption(new Option('--format <f>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (flags: { format: string }) => {
      const { doctor } = await import('../commands/doctor.ts');
      finish(await doctor(flags.format === 'json', output));
    });
}
