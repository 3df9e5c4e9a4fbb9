// progress.ts: one line on a terminal that says how far a long job is. Silent where stderr is no terminal.

import { printable } from './quoted.ts';

/** A status line that is rewritten at most ten times a second, from one second on. */
export interface StatusLine {
  update(text: string): void;
  /** Takes the line away, so that other output starts on a clean one. */
  clear(): void;
}

/** Back to the start of the terminal's line, which becomes empty. */
export const CLEAR_LINE = '\r\x1b[K';

/** The width assumed for a terminal that reports 0 columns. */
const USUAL_COLUMNS = 80;

/** The width of a terminal; undefined where the stream is none. */
export function terminalColumns(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY ? stream.columns || USUAL_COLUMNS : undefined;
}

/** Whether to colour what is written: on terminals that can, unless NO_COLOR is set; anywhere with FORCE_COLOR, and never with FORCE_COLOR=0. */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  const forced = process.env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY && stream.hasColors();
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
      stream.write(CLEAR_LINE + printable(text).slice(0, Math.max(10, columns - 1)));
    },
    clear() {
      if (shown) stream.write(CLEAR_LINE);
      shown = false;
    },
  };
}

/** `12.3 MB` */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
