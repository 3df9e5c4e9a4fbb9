// jobs.ts: what is done in a process of its own, so that the page is answered meanwhile: each is one call of the library.

import { Readable } from 'node:stream';
import { inspectDataset } from '../../api/inspect/inspect.ts';
import { finetune } from '../../api/learning.ts';
import type { FinetuneOptions } from '../../api/finetune-options.ts';
import { suggestPictures } from '../../api/suggest.ts';
import { workOf, type WorkOptions } from '../../api/work.ts';
import { DEFAULT_MODEL } from '../../config/default-model.ts';
import { inspectConfig } from '../../config/features.ts';
import { suggestConfig } from '../../config/suggest.ts';
import type { Inspection } from '../../report/inspection.ts';

/** Labels that look wrong, and pictures to label next, at most: more than anybody looks through before asking again. */
const MAX_SUSPECTS = 1000;
const MAX_SUGGESTED = 500;

/** What a job is asked, and what it answers: both cross between processes as JSON. */
interface Jobs {
  readonly finetune: {
    readonly asked: {
      readonly dataset: string;
      readonly options: Pick<FinetuneOptions, 'model' | 'epochs' | 'minutes' | 'seed' | 'out' | 'resume'>;
    };
    readonly answer: null;
  };
  readonly inspect: {
    readonly asked: { readonly folder: string };
    readonly answer: Pick<Inspection, 'exactDuplicates' | 'nearDuplicates' | 'leaks' | 'suspectLabels'>;
  };
  readonly suggest: {
    readonly asked: {
      readonly files: readonly string[];
      readonly model: string;
      /** A folder of what is labelled already. */
      readonly labelled?: string;
    };
    /** The most wanted first, with how unsure the network is, 0…1. */
    readonly answer: readonly { readonly file: string; readonly unsure: number }[];
  };
}

export type JobName = keyof Jobs;
export type Asked<Name extends JobName> = Jobs[Name]['asked'];
export type JobAnswer<Name extends JobName> = Jobs[Name]['answer'];

/** As the commands without flags. */
const USUAL = { exif: true, cache: true, offline: true } as const;

export const JOBS: {
  readonly [Name in JobName]: (asked: Asked<Name>, work: WorkOptions) => Promise<JobAnswer<Name>>;
} = {
  async finetune({ dataset, options }, work) {
    await finetune(dataset, { ...options, ...work });
    return null;
  },
  async inspect({ folder }, work) {
    const config = inspectConfig(folder, { ...USUAL, model: DEFAULT_MODEL, top: `${MAX_SUSPECTS}` });
    const { inspection } = await inspectDataset(config, workOf(work));
    const { exactDuplicates, nearDuplicates, leaks, suspectLabels } = inspection;
    return { exactDuplicates, nearDuplicates, leaks, suspectLabels };
  },
  async suggest({ files, ...rest }, work) {
    const config = suggestConfig(files, { ...USUAL, ...rest, count: `${MAX_SUGGESTED}`, format: 'json' });
    return (await suggestPictures(config, Readable.from([]), workOf(work))).suggestions;
  },
};
