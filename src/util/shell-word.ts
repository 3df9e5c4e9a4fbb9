// shell-word.ts: a word of a command that finch proposes, written so that a shell takes it as it is.

/** What no usual shell gives a meaning to, wherever it stands in a word. */
const PLAIN = /^[\p{L}\p{N}_./:@%+=,\\-]+$/u;

/** @param platform cmd and PowerShell know double quotes, which file names there cannot hold; other shells take everything in single ones */
export function shellWord(text: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return PLAIN.test(text) ? text : `"${text}"`;
  if (PLAIN.test(text) && !text.includes('\\')) return text;
  return inSingleQuotes(text);
}

/** As sh, bash and zsh read it back: a single quote ends the text, stands by itself, and begins it again. */
export const inSingleQuotes = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
