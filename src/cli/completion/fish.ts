// fish.ts: the completion of all commands as a script for fish, 3.0 and later.

import { PROGRAMS, type CommandWords, type FlagWords, type Value } from './describe.ts';

export function fishScript(commands: readonly CommandWords[]): string {
  const places = commands.slice(1).map(({ place }) => `'${place}'`);
  return `# Completion of finch for fish, made by: finch completion fish
function __finch_at
    set -l words (commandline -opc)
    set -l place (string replace -r '.*/' '' -- $words[1])
    test "$place" = finch; or set place "finch $place"
    for word in $words[2..-1]
        switch "$place $word"
            case ${places.join(' ')}
                set place "$place $word"
        end
    end
    test "$place" = "$argv[1]"
end
function __finch_models
    finch completion models 2>/dev/null
end
${commands.flatMap(lines).join('\n')}
`;
}

function lines(words: CommandWords): readonly string[] {
  const { place, flags, commands, argument } = words;
  const start = `complete ${PROGRAMS.map((name) => `-c ${name}`).join(' ')} -n "__finch_at '${place}'"`;
  const below = commands.map(({ name, about }) => `${start} -f -a ${name} -d ${quote(about)}`);
  const own = argument.kind === 'files' ? [] : [`${start}${proposals(argument, '-f')}`];
  return [...(commands.length > 0 ? below : own), ...flags.map((flag) => `${start}${flagWords(flag)}`)];
}

function flagWords({ names, about, value }: FlagWords): string {
  const shown = names.map((name) =>
    name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
  );
  return `${shown.join('')} -d ${quote(about)}${value ? proposals(value, '-x') : ''}`;
}

/** @param alone the option that keeps files away */
function proposals(value: Value, alone: '-f' | '-x'): string {
  switch (value.kind) {
    case 'words':
      return ` ${alone} -a ${quote(value.words.join(' '))}`;
    case 'models':
      return `${alone === '-x' ? ' -r' : ''} -a '(__finch_models)'`;
    case 'files':
      return ' -r';
    case 'unknown':
      return ` ${alone}`;
    default:
      throw new Error(`no such kind: ${String(value satisfies never)}`);
  }
}

const quote = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
