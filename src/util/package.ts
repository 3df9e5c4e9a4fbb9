// package.ts: where finch itself is installed, and which version it is.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled files lie in dist/src/util, three below the package. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

/** Tells one build of finch from another by all of its code; undefined where the build has not said. */
export async function buildStamp(): Promise<string | undefined> {
  return readFile(path.join(PACKAGE_ROOT, 'dist', 'src', 'stamp'), 'utf8').catch(() => undefined);
}
