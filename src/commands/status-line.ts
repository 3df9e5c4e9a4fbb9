// status-line.ts: one line on a terminal that says how far a long job is. Silent where stderr is no terminal.

import { shorten } from '../report/table.ts';
import { CLEAR_LINE, terminalColumns } from '../util/progress.ts';
import { printable } from '../util/quoted.ts';

/** A status line that is rewritten at most ten times a second, from one second on. */
export interface StatusLine {
  update(text: string): void;
  /** Takes the line away, so that other output starts on a clean one. */
  clear(): void;
}

const FIRST_MS = 1000;
const EVERY_MS = 100;

export function statusLine(stream: NodeJS.WriteStream): StatusLine {
  const started = performance.now();
  let last = started + FIRST_MS - EVERY_MS;
  let shown = false;
  return {
    update(text) {
      const now = performance.now();
      const columns = terminalColumns(stream);
      if (columns === undefined || now - last < EVERY_MS) return;
      last = now;
      shown = true;
      stream.write(CLEAR_LINE + shorten(printable(text), Math.max(1, columns - 1)));
    },
    clear() {
      if (shown) stream.write(CLEAR_LINE);
      shown = false;
    },
  };
}
