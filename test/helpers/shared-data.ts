// shared-data.ts: real photos and weights that lie outside the repository, where a checkout has them beside it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../../src/util/package.ts';

const ROOT = path.join(PACKAGE_ROOT, '..', 'shared', 'data');

/** A path of the shared data, and why a test that needs it skips (false when it is there). */
export function sharedData(...parts: readonly string[]): {
  readonly file: string;
  readonly skip: string | false;
} {
  const file = path.join(ROOT, ...parts);
  return { file, skip: !existsSync(file) && `needs ../shared/data/${parts.join('/')}, which is not here` };
}
