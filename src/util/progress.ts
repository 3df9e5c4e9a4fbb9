// progress.ts: one line on a terminal that says how far a long job is. Silent where stderr is no terminal.

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
      if (!stream.isTTY || now - last < EVERY_MS) return;
      last = now;
      shown = true;
      stream.write(`\r\x1b[K${text.slice(0, Math.max(10, stream.columns - 1))}`);
    },
    clear() {
      if (shown) stream.write('\r\x1b[K');
      shown = false;
    },
  };
}

/** `12.3 MB` */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
