// shell-word.ts: a word of a command that finch proposes, written so that a shell takes it as it is.

/** What no usual shell gives a meaning to, wherever it stands in a word; at its beginning, zsh gives one to `=`. */
const PLAIN = /^(?!=)[\p{L}\p{N}_./:@%+=,\\-]+$/u;

/** @param word any, most often a path: one that begins as a flag does is taken for a path and gets `./`. @param platform cmd and PowerShell know double quotes, which file names there cannot hold; other shells take everything in single ones */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  const text = word.startsWith('-') ? `./${word}` : word;
  if (platform === 'win32') return PLAIN.test(text) ? text : `"${text}"`;
  if (PLAIN.test(text) && !text.includes('\\')) return text;
  return inSingleQuotes(text);
}

/** As sh, bash and zsh read it back: a single quote ends the text, stands by itself, and begins it again. */
export const inSingleQuotes = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
