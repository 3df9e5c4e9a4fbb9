// studio.ts: what the user wrote -> the configuration of studio.

import { parseNumber } from './parse.ts';

export interface StudioFlags {
  readonly port: string;
  /** False after `--no-open`. */
  readonly open: boolean;
}

export interface StudioConfig {
  /** Of pictures. */
  readonly folder: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Shows the page in the user's browser. */
  readonly opens: boolean;
}

export function studioConfig(folder: string, { port, open }: StudioFlags): StudioConfig {
  return {
    folder,
    port: parseNumber(port, { flag: '--port', min: 0, max: 65_535, whole: true }),
    opens: open,
  };
}
