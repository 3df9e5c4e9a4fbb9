// indexing.ts: what the user wrote -> the configuration of `finch index`.

import { MAX_CONNECTIVITY, MAX_EXPANSION, MIN_CONNECTIVITY } from '../features/index/record.ts';
import type { GraphSettings } from '../features/index/engine.ts';
import { refuseBucket } from './endpoint.ts';
import { parseNumber } from './parse.ts';

export interface BuildFlags {
  readonly out: string;
  readonly connectivity: string;
  readonly expansion: string;
  readonly force?: boolean;
}

export interface IndexConfig extends GraphSettings {
  /** Files of features, shards, and folders of shards. */
  readonly inputs: readonly string[];
  /** The folder of the index. */
  readonly index: string;
  /** Whether there is to be none yet. */
  readonly isNew: boolean;
  /** Replaces one that is there. */
  readonly force: boolean;
}

/** @throws AppError USAGE */
export function buildConfig(inputs: readonly string[], flags: BuildFlags): IndexConfig {
  const { out, connectivity, expansion, force = false } = flags;
  refuseBucket('--out', out, 'an index is on the disk of the machine that searches');
  return {
    inputs,
    index: out,
    isNew: true,
    force,
    connectivity: parseNumber(connectivity, { flag: '--connectivity', min: MIN_CONNECTIVITY, max: MAX_CONNECTIVITY, whole: true }),
    expansion: parseNumber(expansion, { flag: '--expansion', min: 1, max: MAX_EXPANSION, whole: true }),
  };
} // prettier-ignore

/** An index keeps the settings that it was built with. @throws AppError USAGE */
export function addConfig(inputs: readonly string[], { to }: { readonly to: string }): IndexConfig {
  refuseBucket('--to', to, 'an index is on the disk of the machine that searches');
  return { inputs, index: to, isNew: false, force: false, connectivity: MIN_CONNECTIVITY, expansion: 1 };
}
