// completion.ts: the flags and help of `completion`, which makes the shells know finch's words.

import { Argument, type Command } from 'commander';
import { write, type Output } from '../commands/output.ts';
import { ExitCode } from '../util/errors.ts';
import type { CommandWords } from './completion/describe.ts';
import type { Finish } from './flags.ts';

const SCRIPTS = {
  bash: async () => (await import('./completion/bash.ts')).bashScript,
  zsh: async () => (await import('./completion/zsh.ts')).zshScript,
  fish: async () => (await import('./completion/fish.ts')).fishScript,
} as const satisfies Record<string, () => Promise<(commands: readonly CommandWords[]) => string>>;

type Asked = keyof typeof SCRIPTS | 'models';

export function addCompletion(program: Command, output: Output, finish: Finish): void {
  program
    .command('completion')
    .description('a script with which a shell completes commands, flags and model names')
    .addArgument(
      new Argument(
        '<shell>',
        'for bash, zsh or fish; models: the names that --model takes, a line each',
      ).choices([...Object.keys(SCRIPTS), 'models']),
    )
    .addHelpText(
      'after',
      `
Examples:
  finch completion bash > ~/.finch.bash
      and in ~/.bashrc: source ~/.finch.bash
  finch completion zsh > ~/.finch.zsh
      and in ~/.zshrc, after compinit: source ~/.finch.zsh
  finch completion fish > ~/.config/fish/conf.d/finch.fish`,
    )
    .action(async (shell: Asked) => {
      await write(output.stdout, shell === 'models' ? await modelNames() : await script(shell, program));
      finish(ExitCode.ok);
    });
}

async function script(shell: keyof typeof SCRIPTS, program: Command): Promise<string> {
  const { describeCommands } = await import('./completion/describe.ts');
  return (await SCRIPTS[shell]())(describeCommands(program));
}

/** A line each. */
async function modelNames(): Promise<string> {
  const { listModels } = await import('../api/models/catalogue.ts');
  return (await listModels()).map(({ name }) => `${name}\n`).join('');
}
