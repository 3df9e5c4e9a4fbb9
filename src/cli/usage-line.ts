// usage-line.ts: what commander says of wrong words on the command line, as one line with finch's hints.

import { withCommandHint } from './command-hint.ts';
import { withFileHint } from './file-hint.ts';

/** @param text commander's message; its suggestion is a second line. @param firstWord of the command line */
export function usageLine(text: string, firstWord: string | undefined): string {
  const said = withCommandHint(withFileHint(text), firstWord).trim().replace(/\n+/g, ' ');
  return `${said} (add --help for the flags)\n`;
}
