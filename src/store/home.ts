// home.ts: where finch keeps what it fetches and what the user imports, and where the shipped models lie.

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

/** Models that were pulled, by name: they can be fetched again. */
export function pulledModels(): string {
  return path.join(finchHome(), 'models');
}

/** Models that the user imported, by name: nobody has them but the user, so they lie in no cache, which people empty. */
export function importedModels(): string {
  const { FINCH_HOME, XDG_DATA_HOME } = process.env;
  // What Windows has for a cache is not emptied either.
  if (FINCH_HOME || process.platform === 'win32') return pulledModels();
  const data =
    process.platform === 'darwin'
      ? path.join(homedir(), 'Library', 'Application Support')
      : (XDG_DATA_HOME ?? path.join(homedir(), '.local', 'share'));
  return path.join(data, 'finch', 'models');
}

/** Model folders that came with finch. */
export const SHIPPED_MODELS = path.join(PACKAGE_ROOT, 'models');
