// config-flag.ts: `--config FILE` of a command: its flags, before those on the command line are laid over them.

import type { Command } from 'commander';
import type { Output } from '../commands/output.ts';
import { useRecordedEndpoint } from '../config/endpoint.ts';
import type { KnownFlag } from '../config/settings-file.ts';

export interface WithConfig {
  readonly config?: string;
}

/**
 * @param flags as commander parsed them, defaults among them
 * @returns the same with those of the file, and the dataset that it names
 * @throws AppError USAGE, FILE_INVALID
 */
export async function withSettingsFile<Flags extends object>(
  { config, ...flags }: Flags & WithConfig,
  dataset: string | undefined,
  command: Command,
  output: Output,
): Promise<{ readonly dataset: string | undefined; readonly flags: Omit<Flags & WithConfig, 'config'> }> {
  if (config === undefined) return { dataset, flags };
  const { readSettingsFile } = await import('../config/settings-file.ts');
  const file = await readSettingsFile(config, knownFlags(command));
  if (file.remark !== undefined) {
    const { terminalWork } = await import('../commands/terminal.ts');
    terminalWork(output).note(file.remark);
  }
  useRecordedEndpoint(file.flags);
  const given = Object.entries(flags).filter(([name]) => command.getOptionValueSource(name) === 'cli');
  return {
    dataset: dataset ?? file.dataset,
    flags: { ...flags, ...file.flags, ...Object.fromEntries(given) },
  };
}

/** The flags of a command, but for those that may be given several times: their values do not fit into one. */
export function knownFlags({ options }: Command): readonly KnownFlag[] {
  return options
    .filter((option) => option.parseArg === undefined || option.attributeName() === 'endpoint')
    .map((option) => ({
      name: option.attributeName(),
      isSwitch: !option.required && !option.optional,
      isOptional: option.optional,
    }));
}
