// training.ts: the run that is under way: `finetune` in a process of its own, on links to the pictures as they were when it began, so
// that pictures can be moved meanwhile and a run that was stopped can go on.

import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isWorkedIn, runCurves, type CurvePoint } from '../api/run-details.ts';
import type { Progress } from '../api/work.ts';
import { HttpProblem } from '../http/problem.ts';
import { placeFile } from '../sorting/place.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { isThere, writeFailed } from '../util/files.ts';
import { LEARNT, RUNS } from './folder/places.ts';
import { checkInside } from './folder/steps.ts';
import type { StudioFolder } from './folder/studio-folder.ts';
import { startJob, type Job } from './jobs/job.ts';
import type { Asked } from './jobs/jobs.ts';

/** Lines that a run says of itself, which are kept. */
const MAX_LINES = 50;

/** How often the curves are read, in milliseconds. */
const CURVES_MS = 1000;
/** How often it is looked whether another process has let go of a run. */
const LOOK_MS = 200;

export interface TrainState {
  readonly run: string;
  /** `waiting`: another process works in the run, such as the trainer of a studio that was killed, which saves what it has. */
  readonly state: 'starting' | 'waiting' | 'running' | 'stopping' | 'stopped' | 'done' | 'failed';
  /** Why it failed. */
  readonly message?: string;
  readonly progress?: { readonly label: string; readonly done: number; readonly total: number | null };
  /** What the run says of itself: its plan, and each epoch. */
  readonly plan: readonly string[];
  readonly curves: readonly CurvePoint[];
  readonly best?: CurvePoint;
  readonly secondsLeft?: number;
}

export interface TrainOptions {
  /** What `--model` takes. */
  readonly model: string;
  /** By which the run is called. */
  readonly name: string;
  readonly epochs?: number;
  readonly minutes?: number;
  readonly seed?: number;
}

export class Training {
  readonly #folder: StudioFolder;
  readonly #onState: (state: TrainState) => void;
  #state: TrainState | null = null;
  #job: Job<null> | undefined;
  /** Ends with the run. */
  #running: Promise<void> | undefined;

  constructor(folder: StudioFolder, onState: (state: TrainState) => void) {
    this.#folder = folder;
    this.#onState = onState;
  }

  /** The run that is under way, or the last one since the studio began. */
  get state(): TrainState | null {
    return this.#state;
  }

  get runUnderWay(): string | undefined {
    return this.#running && this.#state!.run;
  }

  /** @throws HttpProblem BUSY; AppError WRITE_FAILED */
  async start({ name, ...options }: TrainOptions): Promise<TrainState> {
    this.#refuseBusy();
    const runs = path.join(this.#folder.root, RUNS);
    // A run that was deleted may have left its pictures.
    const run = await freeRun([runs, path.join(this.#folder.root, LEARNT)], name);
    this.#refuseBusy();
    return this.#run(run, { ...options, out: path.join(runs, run) });
  }

  /** Goes on with a run that was stopped. @throws HttpProblem BUSY */
  async resume(run: string): Promise<TrainState> {
    this.#refuseBusy();
    return this.#run(run, { resume: path.join(this.#folder.root, RUNS, run) });
  }

  /** Ends the run as Ctrl-C does. @throws HttpProblem NOT_FOUND where none is under way */
  stop(): TrainState {
    if (!this.#running) throw new HttpProblem('NOT_FOUND', 'no run is under way');
    this.#job?.stop();
    return this.#tell({ state: 'stopping' });
  }

  /** Stops the run, and waits until it has saved what it has. */
  async close(): Promise<void> {
    if (this.#running) this.stop();
    await this.#running;
  }

  #run(run: string, options: Asked<'finetune'>['options']): TrainState {
    this.#state = { run, state: 'starting', plan: [], curves: [] };
    this.#running = this.#follow(run, options).finally(() => {
      this.#running = undefined;
      this.#job = undefined;
    });
    return this.#tell({});
  }

  /** Never rejects: how it ended is the state. */
  async #follow(run: string, options: Asked<'finetune'>['options']): Promise<void> {
    const { root } = this.#folder;
    const dataset = path.join(root, LEARNT, run);
    const folder = path.join(root, RUNS, run);
    try {
      if (options.resume === undefined) await this.#linkPictures(dataset);
      else await this.#untilAlone(folder);
      this.#throwIfStopping();
      const left = timeLeft();
      let nextCurves = 0;
      this.#job = startJob('finetune', { dataset, options }, {
        onNote: (text) => {
          this.#tell({ plan: [...this.#state!.plan, text].slice(-MAX_LINES) });
        },
        onProgress: (progress) => {
          const { text, done, total = null } = progress;
          const state = this.#state!.state === 'starting' ? 'running' : this.#state!.state;
          this.#tell({ state, progress: { label: text, done, total }, ...left(progress) });
          if (performance.now() < nextCurves) return;
          nextCurves = performance.now() + CURVES_MS;
          void this.#readCurves(folder);
        },
      }); // prettier-ignore
      await this.#job.answer;
      await this.#readCurves(folder);
      this.#end({ state: 'done' });
    } catch (error) {
      const isStopped = error instanceof AppError && error.code === 'INTERRUPTED';
      this.#end(isStopped ? { state: 'stopped' } : { state: 'failed', message: messageOf(error) });
      // Without a run nothing goes on with the links.
      if (!(await isThere(path.join(folder, 'config.json'))))
        await rm(dataset, { recursive: true, force: true });
    }
  }

  /** Links to the pictures that have a class, in the folders of their classes. @throws AppError WRITE_FAILED, INTERRUPTED */
  async #linkPictures(to: string): Promise<void> {
    const { root, listing } = this.#folder;
    const ids = listing.classes().flatMap(({ name }) => listing.pictures({ class: name }));
    const seen = new Set<string>();
    for (const id of ids) {
      this.#throwIfStopping();
      const file = path.join(to, id);
      await checkInside(path.dirname(file), { root, seen });
      await placeFile(path.join(root, id), file, 'link').catch((error: unknown) => {
        // Moved or gone in this moment.
        if (systemCode(error) !== 'ENOENT') throw writeFailed(file, error);
      });
    }
  }

  /** @throws AppError INTERRUPTED */
  async #untilAlone(folder: string): Promise<void> {
    while (await isWorkedIn(folder)) {
      this.#throwIfStopping();
      if (this.#state!.state !== 'waiting') this.#tell({ state: 'waiting' });
      await delay(LOOK_MS);
    }
    if (this.#state!.state === 'waiting') this.#tell({ state: 'starting' });
  }

  /** A run may be told to stop before it has begun. @throws AppError INTERRUPTED */
  #throwIfStopping(): void {
    if (this.#state?.state === 'stopping') throw new AppError('INTERRUPTED', 'interrupted');
  }

  async #readCurves(folder: string): Promise<void> {
    const curves = await runCurves(folder);
    const [first, ...others] = curves;
    const best = first && others.reduce((a, b) => ((b.top1 ?? 0) > (a.top1 ?? 0) ? b : a), first);
    this.#tell({ curves, ...(best && { best }) });
  }

  /** What is done when it has ended is no matter of the page any more. */
  #end(change: Partial<TrainState>): void {
    const { progress: _, secondsLeft: __, ...rest } = this.#state!;
    this.#state = { ...rest, ...change };
    this.#onState(this.#state);
  }

  #tell(change: Partial<TrainState>): TrainState {
    this.#state = { ...this.#state!, ...change };
    this.#onState(this.#state);
    return this.#state;
  }

  #refuseBusy(): void {
    if (this.#running) throw new HttpProblem('BUSY', `${this.#state!.run} is under way; stop it first`);
  }
}

/** `<name>-<n>` with the first number that is free in all of these folders. */
async function freeRun(folders: readonly string[], name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const run = `${name}-${n}`;
    const taken = await Promise.all(folders.map((folder) => isThere(path.join(folder, run))));
    if (!taken.includes(true)) return run;
  }
}

/** Reckons from the pace since stage 2 began. */
function timeLeft(): (progress: Progress) => { readonly secondsLeft?: number } {
  let first: { readonly at: number; readonly done: number } | undefined;
  return ({ task, done, total }) => {
    if (task !== 'train' || total === undefined) return {};
    const now = performance.now();
    first ??= { at: now, done };
    if (done === first.done) return {};
    const pace = (now - first.at) / (done - first.done);
    return { secondsLeft: Math.round(((total - done) * pace) / 1000) };
  };
}
