// made.ts: what the foot of a page says of its making.

import type { Made } from '../report/parts.ts';
import { packageVersion } from '../util/package.ts';

/** @param seconds that the work took */
export function madeIn(seconds: number): Made {
  return { version: packageVersion(), date: new Date(), seconds };
}
