// terminal.ts: work whose progress and remarks go to the terminal, or to wherever stderr goes.

import type { Work } from '../api/work.ts';
import { foldNote } from '../report/fold.ts';
import { terminalColumns } from '../util/progress.ts';
import { printable } from '../util/quoted.ts';
import type { Output } from './output.ts';
import { statusLine } from './status-line.ts';

export interface TerminalWork extends Work {
  /** Removes the status line: before a result is written, and at the end. */
  clear(): void;
}

/** Work whose progress is a status line on stderr, and whose remarks are lines there. */
export function terminalWork({ stderr, signal }: Output): TerminalWork {
  const status = statusLine(stderr);
  return {
    signal,
    progress: ({ text }) => status.update(text),
    note(text) {
      status.clear();
      stderr.write(`${foldNote(printable(text), terminalColumns(stderr) ?? Infinity)}\n`);
    },
    clear: () => status.clear(),
  };
}
