// zsh.ts: the completion of all commands as a script for zsh: to be sourced, or as a file `_finch` in a folder of fpath.

import { inSingleQuotes } from '../../util/shell-word.ts';
import { PROGRAMS, type CommandWords, type Value } from './describe.ts';

export function zshScript(commands: readonly CommandWords[]): string {
  const places = commands.slice(1).map(({ place }) => `'${place}'`);
  return `#compdef ${PROGRAMS.join(' ')}
# Completion of finch for zsh, made by: finch completion zsh
_finch_models() { compadd -- \${(f)"$(finch completion models 2>/dev/null)"}; _files }
_finch() {
  local place=\${words[1]:t} former=\${words[CURRENT-1]} current=\${words[CURRENT]} i
  local -a found
  [[ $place == finch ]] || place="finch $place"
  for ((i = 2; i < CURRENT; i++)); do
    case "$place $words[i]" in
      (${places.join('|')}) place+=" $words[i]" ;;
    esac
  done
  if [[ $current == --*=* ]]; then former=\${current%%=*}; compset -P '*='; fi
  case "$place $former" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if [[ $current == -* ]]; then
    case $place in
${commands.map(({ place, flags }) => `      ('${place}') found=(${flags.flatMap(({ names, about }) => names.map((name) => described(name, about))).join(' ')}) ;;`).join('\n')}
    esac
    _describe -o flag found
    return
  fi
  case $place in
${commands.map((command) => `    ('${command.place}') ${argumentAction(command)} ;;`).join('\n')}
  esac
}
if [[ $funcstack[1] == _finch ]]; then _finch "$@"; else compdef _finch ${PROGRAMS.join(' ')}; fi
`;
}

function valueCases({ place, flags }: CommandWords): readonly string[] {
  return flags.flatMap(({ names, value }) => {
    if (!value) return [];
    const flag = names.map((name) => `'${place} ${name}'`).join('|');
    return [`    (${flag}) ${action(value)}; return ;;`];
  });
}

function argumentAction({ commands, argument }: CommandWords): string {
  if (commands.length === 0) return action(argument);
  return `found=(${commands.map(({ name, about }) => described(name, about)).join(' ')}); _describe command found`;
}

/** A colon separates a word from its description. */
const described = (word: string, about: string) => inSingleQuotes(`${word}:${about.replaceAll(':', '\\:')}`);

function action(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `compadd -- ${value.words.join(' ')}`;
    case 'models':
      return '_finch_models';
    case 'files':
      return '_files';
    case 'unknown':
      return '_message value';
    default:
      throw new Error(`no such kind: ${String(value satisfies never)}`);
  }
}
