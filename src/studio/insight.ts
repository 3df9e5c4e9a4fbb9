// insight.ts: what the library finds out about the folder while the page is used: copies, labels that look wrong, and which pictures to
// label next. Each is a job of its own, one at a time.

import path from 'node:path';
import type { Progress } from '../api/work.ts';
import { messageOf } from '../util/errors.ts';
import { LEARNT } from './folder/places.ts';
import type { StudioFolder } from './folder/studio-folder.ts';
import { startJob, type Job } from './jobs/job.ts';
import type { JobAnswer } from './jobs/jobs.ts';
import type { StudioModels } from './models.ts';

/** Pictures that are looked at to find the most wanted, evenly taken from more. */
const MAX_LOOKED_AT = 20_000;

interface Suspect {
  readonly id: string;
  readonly given: string;
  readonly suggested: string;
  /** How much more the neighbours support the suggested class, 0…1. */
  readonly probability: number;
}

export interface Findings {
  readonly state: 'none' | 'running' | 'done' | 'failed';
  readonly message?: string;
  /** The folder's revision that was looked at. */
  readonly revision?: number;
  readonly duplicates: readonly (readonly string[])[];
  readonly leaks: readonly (readonly string[])[];
  readonly suspects: readonly Suspect[];
}

const NOTHING: Findings = { state: 'none', duplicates: [], leaks: [], suspects: [] };

export interface InsightListeners {
  readonly onProgress: (progress: { readonly done: number; readonly total: number | null }) => void;
  /** Findings, or another order of the unlabelled pictures, are there. */
  readonly onFound: () => void;
}

export class Insight {
  readonly #folder: StudioFolder;
  readonly #models: StudioModels;
  readonly #listeners: InsightListeners;
  readonly #jobs = new Set<Pick<Job<unknown>, 'stop'>>();
  #findings = NOTHING;
  /** How much each unlabelled picture is wanted; higher first. */
  #wanted: ReadonlyMap<string, number> = new Map();
  /** The run that the order was looked for with; undefined before the first time. */
  #wantedFor: string | undefined;
  #isSuggesting = false;

  constructor(folder: StudioFolder, models: StudioModels, listeners: InsightListeners) {
    this.#folder = folder;
    this.#models = models;
    this.#listeners = listeners;
  }

  get findings(): Findings {
    return this.#findings;
  }

  /** Looks through the folder, unless that is under way. */
  inspect(): void {
    if (this.#findings.state === 'running') return;
    const { root, revision } = this.#folder;
    this.#findings = { ...NOTHING, state: 'running' };
    const onProgress = ({ done, total }: Progress) =>
      this.#listeners.onProgress({ done, total: total ?? null });
    const found = this.#run(startJob('inspect', { folder: root }, { onProgress }));
    void found.then(
      (answer) => this.#found({ ...findingsIn(answer, root), revision }),
      (error: unknown) => this.#found({ ...NOTHING, state: 'failed', message: messageOf(error) }),
    );
  }

  /** Unlabelled pictures, the most wanted first as far as that is known; what is not known yet is looked for. */
  async suggested(
    ids: readonly string[],
  ): Promise<readonly { readonly id: string; readonly score?: number }[]> {
    const { name, kind } = (await this.#models.list())[0]!;
    const left = ids.filter((id) => this.#wanted.has(id)).length;
    const isUsedUp = left < Math.min(ids.length, this.#wanted.size / 2);
    if (!this.#isSuggesting && ids.length > 0 && (name !== this.#wantedFor || isUsedUp)) {
      this.#isSuggesting = true;
      this.#wantedFor = name;
      const labelled = kind === 'run' ? path.join(this.#folder.root, LEARNT, name) : undefined;
      void this.#suggest(ids, name, labelled).finally(() => {
        this.#isSuggesting = false;
      });
    }
    return scored(ids, this.#wanted);
  }

  /** Pictures whose label looks wrong first, the most suspicious before others. */
  suspected(ids: readonly string[]): readonly { readonly id: string; readonly score?: number }[] {
    return scored(ids, new Map(this.#findings.suspects.map(({ id, probability }) => [id, probability])));
  }

  /** Ends what is under way. */
  close(): void {
    for (const job of this.#jobs) job.stop();
  }

  async #suggest(ids: readonly string[], name: string, labelled: string | undefined): Promise<void> {
    const { root } = this.#folder;
    const every = Math.max(1, Math.ceil(ids.length / MAX_LOOKED_AT));
    const files = ids.filter((_, i) => i % every === 0).map((id) => path.join(root, id));
    try {
      const model = await this.#models.resolve(name);
      const suggestions = await this.#run(
        startJob('suggest', { files, model, ...(labelled !== undefined && { labelled }) }),
      );
      this.#wanted = new Map(suggestions.map(({ file }, i) => [path.relative(root, file).replaceAll(path.sep, '/'), 1 - i / suggestions.length])); // prettier-ignore
      this.#listeners.onFound();
    } catch {
      // Without an order, the pictures are there by name.
    }
  }

  async #run<Answer>(job: Job<Answer>): Promise<Answer> {
    this.#jobs.add(job);
    return job.answer.finally(() => this.#jobs.delete(job));
  }

  #found(findings: Findings): void {
    this.#findings = findings;
    this.#listeners.onFound();
  }
}

function findingsIn(answer: JobAnswer<'inspect'>, root: string): Findings {
  const idOf = ({ file }: { readonly file: string }) => path.relative(root, file).replaceAll(path.sep, '/');
  const { exactDuplicates, nearDuplicates, leaks, suspectLabels } = answer;
  return {
    state: 'done',
    duplicates: [...exactDuplicates, ...nearDuplicates].map(({ pictures }) => pictures.map(idOf)),
    leaks: leaks.map(({ pictures }) => pictures.map(idOf)),
    suspects: suspectLabels.map((suspect) => ({
      id: idOf(suspect),
      given: suspect.class,
      suggested: suspect.suggested,
      probability: suspect.margin,
    })),
  };
}

/** Those with a score first, the highest before others. */
function scored(
  ids: readonly string[],
  scores: ReadonlyMap<string, number>,
): readonly { readonly id: string; readonly score?: number }[] {
  const known = ids.filter((id) => scores.has(id)).toSorted((a, b) => scores.get(b)! - scores.get(a)!);
  const others = ids.filter((id) => !scores.has(id));
  return [...known.map((id) => ({ id, score: scores.get(id)! })), ...others.map((id) => ({ id }))];
}
