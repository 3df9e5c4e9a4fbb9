// command-hint.ts: what other programs call finch's commands, told to whoever tries those names.

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

/** An error message of commander's about a word that it does not know, with the one that is meant. */
export function withCommandHint(text: string): string {
  const [, word] = /unknown (?:command|option) '([^']*)'/.exec(text) ?? [];
  if (word === undefined || !Object.hasOwn(MEANT, word) || text.includes('Did you mean')) return text;
  return text.replace('\n', ` (did you mean: ${MEANT[word as keyof typeof MEANT]}?)\n`);
}
