// command-hint.ts: names of finch's commands in other programs, and a hint for users who try those names.

import { shellWord } from '../util/shell-word.ts';

const MEANT = {
  train: 'finetune',
  fit: 'finetune',
  predict: 'classify',
  infer: 'classify',
  val: 'evaluate',
  validate: 'evaluate',
  test: 'evaluate',
  eval: 'evaluate',
  embed: 'extract-features',
  features: 'extract-features',
  export: 'models export',
  import: 'models import',
  version: '--version',
  '-v': '--version',
} as const satisfies Record<string, string>;

/**
 * Commander's error message about an unknown word, with the name of the command that the user probably means.
 * @param firstWord of the command line: behind the name of a command, words mean something else
 */
export function withCommandHint(text: string, firstWord: string | undefined): string {
  const [, kind, word] = /unknown (command|option) '([^']*)'/.exec(text) ?? [];
  if (word === undefined || word !== firstWord || text.includes('Did you mean')) return text;
  const meant = Object.hasOwn(MEANT, word)
    ? MEANT[word as keyof typeof MEANT]
    : kind === 'command' && isPlace(word) && `classify ${shellWord(word)}`;
  return meant ? text.replace('\n', () => ` (did you mean: ${meant}?)\n`) : text;
}

/** A path or an address: no command has these signs. */
const isPlace = (word: string) => /[./\\]/.test(word);
