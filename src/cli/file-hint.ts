// file-hint.ts: advice for a file whose name begins like a flag. A shell's `*.jpg` can also produce such names.

import { existsSync } from 'node:fs';
import { printableLines } from '../util/quoted.ts';

/** Commander's error message, with advice where the unknown flag is a file, or looks like one. */
export function withFileHint(text: string): string {
  const [, name] = /unknown option '(-[^']*)'/.exec(text) ?? [];
  if (name === undefined || !(existsSync(name) || /^-[^-=]*\.\w{2,5}$/.test(name)))
    return printableLines(text);
  return printableLines(text.replace('\n', () => ` (if it is a file, write ./${name}, or -- before it)\n`));
}
