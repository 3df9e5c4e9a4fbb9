// progress.ts: what a terminal is, for progress and colours: its width, and whether it shows them.

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

/** `12.3 MB` */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `1.5 GiB`: of memory and of disks. */
export function formatGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
