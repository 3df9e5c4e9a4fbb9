// home.ts: where finch keeps what it fetches, and where the shipped models lie.

import { homedir } from 'node:os';
import path from 'node:path';
import { PACKAGE_ROOT } from '../util/package.ts';

/** `FINCH_HOME`, else the platform's customary cache folder. */
export function finchHome(): string {
  const { FINCH_HOME, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (FINCH_HOME) return path.resolve(FINCH_HOME);
  switch (process.platform) {
    case 'win32':
      return path.join(LOCALAPPDATA ?? path.join(homedir(), 'AppData', 'Local'), 'finch');
    case 'darwin':
      return path.join(homedir(), 'Library', 'Caches', 'finch');
    default:
      return path.join(XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'finch');
  }
}

/** Model folders that the user pulled or imported, by name. */
export function modelsFolder(): string {
  return path.join(finchHome(), 'models');
}

/** Model folders that came with finch. */
export const SHIPPED_MODELS = path.join(PACKAGE_ROOT, 'models');
