// studio.ts: the flags and help of `studio`. Calls the command, nothing more.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import type { StudioFlags } from '../config/studio.ts';
import type { Finish } from './flags.ts';

export function addStudio(program: Command, output: Output, finish: Finish): void {
  program
    .command('studio')
    .description('a page to sort pictures into classes, train, try and correct, for this machine alone')
    .argument('[folder]', 'of pictures, with a folder for each class; classes are also made in the page', '.')
    .option('--port <n>', '0: any that is free', '0')
    .option('--no-open', 'do not show the page in the browser')
    .addHelpText(
      'after',
      `
The first line of stdout, once it answers, is the page's address, with a token
that is valid until the studio ends. Pictures are moved on disk, with a journal
that takes everything back, and never deleted: what is thrown away lies in
FOLDER/.finch-studio/trash. Logs are JSON, on stderr.

Examples:
  mkdir birds && finch studio birds
  finch studio ./photos --no-open --port 7000

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 wrong usage, 3 something needed
is missing.`,
    )
    .action(async (folder: string, flags: StudioFlags) => {
      const { studioConfig } = await import('../config/studio.ts');
      const config = studioConfig(folder, flags);
      const { studio } = await import('../commands/studio.ts');
      finish(await studio(config, output));
    });
}
