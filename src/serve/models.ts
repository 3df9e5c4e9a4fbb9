// models.ts: the models that are served, by name: opened, let go, loaded again, and replaced when their folder on disk was. What a
// request has begun on one model it ends on that one.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { LiveModel, type LiveConfig, type LiveSurroundings } from '../api/live.ts';
import { workOf, type Work } from '../api/work.ts';
import { HttpProblem } from '../http/problem.ts';
import { fileTag } from '../util/file-tag.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** How often the folders are looked at. */
const WATCH_MS = 1000;
/** A folder that was wrong is read again after so many looks, though its model.json is the same: its shards may have come later. */
const LOOKS_BETWEEN = 10;

export interface ServedModel {
  /** Absent: the model's own name. */
  readonly name?: string;
  readonly config: LiveConfig;
}

/** A loaded model, and how many requests use it. */
interface Loaded {
  readonly model: LiveModel;
  /** What its folders were when it was opened. */
  readonly stamp: string;
  uses: number;
  /** Called when it is used no more, once it is to be let go. */
  free?: () => void;
}

interface Slot {
  readonly name: string;
  readonly config: LiveConfig;
  loaded?: Loaded | undefined;
  /** Loading, replacing and letting go, one after the other. */
  work: Promise<void>;
  /** What the folders were at the last look. */
  seen?: string;
  /** What the folders were when they could not be taken up, the reason, and how often they have been looked at since. */
  refused?: { readonly stamp: string; readonly problem: string; looks: number };
  isLoading: boolean;
}

export type ModelState = 'ready' | 'loading' | 'unloaded';

export class ServedModels {
  readonly #slots = new Map<string, Slot>();
  readonly #around: LiveSurroundings;
  readonly #note: Work['note'];
  #timer: NodeJS.Timeout | undefined;

  private constructor(around: LiveSurroundings, note: Work['note']) {
    this.#around = around;
    this.#note = note;
  }

  /** Opens all of them. @throws AppError USAGE for two of one name; for all that can be missing or wrong */
  static async open(
    served: readonly ServedModel[],
    around: LiveSurroundings,
    work: Work,
  ): Promise<ServedModels> {
    const models = new ServedModels(around, (text) => work.note(text));
    try {
      for (const { name, config } of served) {
        const loaded = await openLoaded(config, { around, work });
        const slot = { name: name ?? loaded.model.info.name, config, loaded, work: Promise.resolve(), isLoading: false }; // prettier-ignore
        if (models.#slots.has(slot.name)) {
          await loaded.model.close();
          throw new AppError('USAGE', `two models are called ${quoted(slot.name)}; give one another name: --model other=${quoted(config.model)}`); // prettier-ignore
        }
        models.#slots.set(slot.name, slot);
      }
    } catch (error) {
      await models.close();
      throw error;
    }
    return models;
  }

  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** Whether none is being waited for; one that was let go on purpose is not. */
  get isReady(): boolean {
    return this.names.every((name) => this.stateOf(name) !== 'loading');
  }

  /** @throws AppError MODEL_NOT_FOUND */
  stateOf(name: string): ModelState {
    const slot = this.#slot(name);
    if (slot.loaded) return 'ready';
    return slot.isLoading ? 'loading' : 'unloaded';
  }

  /** The model, if it is loaded, to be looked at. @throws AppError MODEL_NOT_FOUND */
  peek(name: string): LiveModel | undefined {
    return this.#slot(name).loaded?.model;
  }

  /**
   * Asks a model, which is not let go before the answer.
   * @param name the first one by default
   * @throws AppError MODEL_NOT_FOUND; HttpProblem MODEL_UNLOADED; what `ask` throws
   */
  async use<T>(name: string | undefined, ask: (model: LiveModel) => Promise<T>): Promise<T> {
    const slot = this.#slot(name ?? this.names[0]!);
    const { loaded } = slot;
    if (!loaded) throw new HttpProblem('MODEL_UNLOADED', `${quoted(slot.name)} is not loaded`);
    loaded.uses += 1;
    try {
      return await ask(loaded.model);
    } finally {
      loaded.uses -= 1;
      if (loaded.uses === 0) loaded.free?.();
    }
  }

  /** Loads a model that was let go, or takes up what its folder is now. @throws AppError as opening does */
  load(name: string): Promise<void> {
    return this.#inTurn(this.#slot(name), (slot) => this.#replace(slot));
  }

  /** Lets a model go once nobody uses it. @throws AppError MODEL_NOT_FOUND */
  unload(name: string): Promise<void> {
    return this.#inTurn(this.#slot(name), async (slot) => {
      const { loaded } = slot;
      slot.loaded = undefined;
      await retired(loaded);
      this.#note(`${slot.name} is unloaded`);
    });
  }

  /** Looks at the folders from time to time. */
  watch(): void {
    const look = async () => {
      await this.check();
      this.#timer = setTimeout(() => void look(), WATCH_MS).unref();
    };
    this.#timer = setTimeout(() => void look(), WATCH_MS).unref();
  }

  /** Takes up models whose folders were replaced, once they have not changed between two looks. */
  async check(): Promise<void> {
    await Promise.all([...this.#slots.values()].map((slot) => this.#inTurn(slot, () => this.#look(slot))));
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(
      [...this.#slots.values()].map((slot) => this.#inTurn(slot, () => retired(slot.loaded))),
    );
  }

  async #look(slot: Slot): Promise<void> {
    if (!slot.loaded) return;
    const now = (await lookAt(slot.loaded.model.folders))?.stamp;
    const isSettled = now !== undefined && now === slot.seen;
    if (now !== undefined) slot.seen = now;
    if (!isSettled || now === slot.loaded.stamp) return;
    const { refused } = slot;
    if (refused?.stamp === now && ++refused.looks % LOOKS_BETWEEN !== 0) return;
    try {
      await this.#replace(slot, now);
      delete slot.refused;
    } catch (error) {
      const problem = `${slot.name} was changed on disk and is not taken up: ${messageOf(error)}`;
      if (problem !== refused?.problem) this.#note(problem);
      slot.refused = { stamp: now, problem, looks: 0 };
    }
  }

  /** @param before what the folders are, where it is known */
  async #replace(slot: Slot, before?: string): Promise<void> {
    slot.isLoading = true;
    try {
      const former = slot.loaded;
      const work = workOf({ onNote: this.#note });
      slot.loaded = await openLoaded(slot.config, { around: this.#around, work, before });
      this.#note(`${slot.name} is ${former ? 'replaced' : 'loaded'}`);
      // Whoever uses the former one may take a while: the next change does not wait for it.
      void retired(former).catch((error: unknown) => this.#note(messageOf(error)));
    } finally {
      slot.isLoading = false;
    }
  }

  #inTurn(slot: Slot, action: (slot: Slot) => Promise<void>): Promise<void> {
    const turn = slot.work.then(() => action(slot));
    slot.work = turn.catch(() => {}); // told to whoever asked for it
    return turn;
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot) return slot;
    throw new AppError(
      'MODEL_NOT_FOUND',
      `no model is called ${quoted(name, 60)} here; there are ${quoted(this.names.join(', '))}`,
    );
  }
}

interface Opening {
  readonly around: LiveSurroundings;
  readonly work: Work;
  /** What the folders were before, where it is known. */
  readonly before?: string | undefined;
}

async function openLoaded(config: LiveConfig, { around, work, before }: Opening): Promise<Loaded> {
  const began = Date.now();
  const model = await LiveModel.open(config, around, work);
  const found = await lookAt(model.folders);
  const isSame = found && (found.stamp === before || found.changed < began);
  // What may have changed while it was being read is read once more, because no look will be the same.
  return { model, stamp: isSame ? found.stamp : '', uses: 0 };
}

/** Frees a model once nobody uses it. */
async function retired(loaded: Loaded | undefined): Promise<void> {
  if (!loaded) return;
  if (loaded.uses > 0) await new Promise<void>((resolve) => (loaded.free = resolve));
  await loaded.model.close();
}

interface Look {
  /** Another one for another model.json. */
  readonly stamp: string;
  /** The latest change, in milliseconds since 1970. */
  readonly changed: number;
}

/** The model.json of each of the folders; undefined while one is missing. */
async function lookAt(folders: readonly string[]): Promise<Look | undefined> {
  const files = folders.map((folder) => path.join(folder, 'model.json'));
  const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  const there = found.filter((file) => file !== undefined);
  if (there.length < files.length) return undefined;
  return {
    stamp: there.map(fileTag).join('\n'),
    changed: Math.max(...there.map(({ ctimeMs }) => ctimeMs)),
  };
}
