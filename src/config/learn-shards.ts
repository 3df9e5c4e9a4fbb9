// learn-shards.ts: what the user wrote -> the configuration of `finch shards learn`. What a head is, is said by finetune's own flags.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { flagName } from './belongs.ts';
import { refuseBucket } from './endpoint.ts';
import type { FinetuneFlags } from './finetune-settings.ts';
import { THREADS_RULE } from './inference.ts';
import { parseChoice, parseNumber } from './parse.ts';

const HEAD_METHODS = ['auto', 'converged', 'closed'] as const;
export type HeadMethodName = (typeof HEAD_METHODS)[number];

/** Flags that decide the head: kept in the run's folder. Those of finetune have its names. */
export interface HeadFlags extends Partial<Pick<FinetuneFlags, 'model' | 'headC' | 'headEpochs' | 'labelSmoothing' | 'classWeights' | 'valSplit'>> {
  readonly method?: string;
  readonly labelsFrom?: string;
} // prettier-ignore

export interface LearnFlags extends HeadFlags {
  readonly out?: string;
  readonly threads?: string;
  readonly offline?: boolean;
  /** A run's folder. */
  readonly resume?: string;
}

export interface LearnConfig {
  /** Where the shards are; absent where a run goes on, which knows it. */
  readonly folder?: string;
  readonly flags: HeadFlags;
  readonly out?: string;
  readonly threads?: number;
  readonly offline: boolean;
  readonly resume?: string;
}

/** @throws AppError USAGE */
export function learnConfig(folder: string | undefined, flags: LearnFlags): LearnConfig {
  const { out, threads, offline = false, resume, ...head } = flags;
  if (out !== undefined) refuseBucket('--out', out, 'a run is written to the disk');
  const given = Object.keys(head).find((name) => head[name as keyof HeadFlags] !== undefined);
  if (resume !== undefined && (folder !== undefined || out !== undefined || given !== undefined)) {
    throw new AppError('USAGE', `--resume ${quoted(resume)} goes on with that run's own shards and settings; leave the others out`); // prettier-ignore
  }
  if (resume === undefined && folder === undefined) {
    throw new AppError('USAGE', 'no FOLDER: name the one that the shards are in, or a run to go on with: --resume DIR'); // prettier-ignore
  }
  if (head.headEpochs !== undefined) parseNumber(head.headEpochs, { flag: '--head-epochs', min: 1, whole: true }); // prettier-ignore
  const [unused] = methodOf(head) === 'closed' ? convergedFlags(head) : [];
  if (unused !== undefined) throw new AppError('USAGE', `${unused} belongs to --method converged, received --method closed; leave one of them out`); // prettier-ignore
  return {
    ...(folder !== undefined && { folder }),
    flags: head,
    ...(out !== undefined && { out }),
    ...(threads !== undefined && { threads: parseNumber(threads, THREADS_RULE) }),
    offline,
    ...(resume !== undefined && { resume }),
  };
}

/** @throws AppError USAGE */
export function methodOf({ method = 'auto' }: HeadFlags): HeadMethodName {
  return parseChoice(method, '--method', HEAD_METHODS);
}

/** Those given that mean nothing for a head in closed form. One of 0 asks for nothing. */
export function convergedFlags(flags: HeadFlags): readonly string[] {
  const names = ['headC', 'headEpochs', 'labelSmoothing'] as const;
  return names.filter((name) => flags[name] !== undefined && Number(flags[name]) !== 0).map(flagName);
}
