// file-hint.ts: what to do about a file whose name begins like a flag. A shell's `*.jpg` hands over such names too.

import { existsSync } from 'node:fs';
import { printableLines } from '../util/quoted.ts';

/** An error message of commander's, with advice where the flag that is unknown is a file, or looks like one. */
export function withFileHint(text: string): string {
  const [, name] = /unknown option '(-[^']*)'/.exec(text) ?? [];
  if (name === undefined || !(existsSync(name) || /^-[^-=]*\.\w{2,5}$/.test(name)))
    return printableLines(text);
  return printableLines(text.replace(/\n/, ` (if it is a file, write ./${name}, or -- before it)\n`));
}
