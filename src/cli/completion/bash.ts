// bash.ts: the completion of all commands as a script for bash, 3.2 and later.

import { PROGRAMS, type CommandWords, type Value } from './describe.ts';

export function bashScript(commands: readonly CommandWords[]): string {
  const places = commands.slice(1).map(({ place }) => `'${place}'`);
  return `# Completion of finch for bash, made by: finch completion bash
_finch_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_finch_nothing() { compopt +o default +o bashdefault 2>/dev/null; }
_finch() {
  local current="\${COMP_WORDS[COMP_CWORD]}" former="\${COMP_WORDS[COMP_CWORD-1]}" place="\${COMP_WORDS[0]##*/}" i
  COMPREPLY=()
  # bash takes --flag=value for three words.
  if [[ $current == '=' ]]; then current=''
  elif [[ $former == '=' ]]; then former="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  [[ $place == finch ]] || place="finch $place"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${places.join('|')}) place="$place \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place $former" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if [[ $current == -* ]]; then
    case "$place" in
${commands.map(({ place, flags }) => `      '${place}') _finch_words '${flags.flatMap(({ names }) => names).join(' ')}' ;;`).join('\n')}
    esac
    return
  fi
  case "$place" in
${commands.map((command) => `    '${command.place}') ${argumentAction(command)} ;;`).join('\n')}
  esac
}
# Where nothing is proposed, files are.
complete -o bashdefault -o default -F _finch ${PROGRAMS.join(' ')}
`;
}

function valueCases({ place, flags }: CommandWords): readonly string[] {
  return flags.flatMap(({ names, value }) => {
    if (!value) return [];
    const flag = names.map((name) => `'${place} ${name}'`).join('|');
    return [`    ${flag}) ${action(value)}; return ;;`];
  });
}

function argumentAction({ commands, argument }: CommandWords): string {
  if (commands.length > 0)
    return `_finch_words '${commands.map(({ name }) => name).join(' ')}'; _finch_nothing`;
  return action(argument);
}

function action(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `_finch_words '${value.words.join(' ')}'; _finch_nothing`;
    case 'models':
      return '_finch_words "$(finch completion models 2>/dev/null)"';
    case 'files':
      return ':';
    case 'unknown':
      return '_finch_nothing';
    default:
      throw new Error(`no such kind: ${String(value satisfies never)}`);
  }
}
