// trying.ts: the models that pictures are tried with, kept loaded, and the pictures of the folder that are nearest to one.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { NearPictures, type NearPicture } from '../api/near-pictures.ts';
import { TriedModel, type TriedPicture } from '../api/tried.ts';
import { workOf } from '../api/work.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import { inferenceConfig } from '../config/inference.ts';
import type { Preparer } from '../images/preparer.ts';
import type { StudioFolder } from './folder/studio-folder.ts';

/** Models in memory: one that is tried, and one that it is compared with. */
const MAX_MODELS = 2;
/** Classes that are named. */
const TOPK = 5;
/** Pictures that are shown beside one. */
const NEIGHBOURS = 6;
/** Pictures that neighbours are looked for among, evenly taken from more: 5 kB each in memory. */
const MAX_NEAR = 20_000;

/** Drawings are programs of a kind. */
const configOf = (model: string) => {
  const { inputs: _, ...config } = inferenceConfig([], { model, exif: true, offline: true });
  return { ...config, decode: { ...config.decode, noDrawings: true } };
};

export interface Tried extends TriedPicture {
  readonly neighbours: readonly NearPicture[];
}

interface KeptModel {
  readonly model: Promise<TriedModel>;
  /** Pictures that are being tried with it. */
  users: number;
  /** Others have taken its place: it is closed when nobody uses it. */
  isLeft: boolean;
}

export class Trying {
  readonly #folder: StudioFolder;
  readonly #preparer: Preparer;
  /** The longest unused first. */
  readonly #models = new Map<string, KeptModel>();
  readonly #stop = new AbortController();
  #near: Promise<NearPictures> | undefined;
  /** The folder's revision that the neighbours were looked for in last. */
  #seen = 0;
  #looking: Promise<void> = Promise.resolve();
  #isLooking = false;

  constructor(folder: StudioFolder, preparer: Preparer) {
    this.#folder = folder;
    this.#preparer = preparer;
  }

  /** @param model what `--model` takes. @throws AppError for a model that cannot be opened */
  async try(model: string, bytes: Buffer, explains: boolean): Promise<Tried> {
    const kept = await this.#kept(model);
    const tried = await kept.model
      .then((open) => open.try(bytes, { topk: TOPK, explains }))
      .finally(() => {
        kept.users -= 1;
        closeUnused(kept);
      });
    return { ...tried, neighbours: 'error' in tried.row ? [] : await this.#neighbours(bytes) };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    for (const { model } of this.#models.values()) await model.then((open) => open.close()).catch(() => {}); // told to who opened it
    const near = await this.#near?.catch(() => undefined);
    await near?.close();
  }

  /** The model, with one user more. A run that goes on has another network under the same name. */
  async #kept(name: string): Promise<KeptModel> {
    const changed = await stat(path.join(name, 'model.json')).then(({ mtimeMs }) => mtimeMs, () => 0); // prettier-ignore
    const key = `${changed} ${name}`;
    const known = this.#models.get(key);
    const kept = known ?? {
      model: TriedModel.open(configOf(name), this.#preparer, workOf({})),
      users: 0,
      isLeft: false,
    };
    kept.users += 1;
    this.#models.delete(key);
    this.#models.set(key, kept);
    if (!known) kept.model.catch(() => this.#models.delete(key));
    for (const [oldest, unused] of this.#models) {
      if (this.#models.size <= MAX_MODELS) break;
      this.#models.delete(oldest);
      unused.isLeft = true;
      closeUnused(unused);
    }
    return kept;
  }

  /** The pictures that are looked through already; the others follow. */
  async #neighbours(bytes: Buffer): Promise<readonly NearPicture[]> {
    const choice = { layers: [], pool: 'avg', useCache: true } as const;
    this.#near ??= NearPictures.open({ ...configOf(DEFAULT_MODEL), ...choice }, workOf({ signal: this.#stop.signal })); // prettier-ignore
    const near = await this.#near.catch((error: unknown) => {
      this.#near = undefined; // the next picture tries again
      throw error;
    });
    if (!this.#isLooking && this.#seen !== this.#folder.revision) {
      this.#isLooking = true;
      this.#looking = this.#look(near).finally(() => {
        this.#isLooking = false;
      });
    }
    return near.nearest(bytes, NEIGHBOURS, this.#preparer);
  }

  async #look(near: NearPictures): Promise<void> {
    const { root, listing, revision } = this.#folder;
    const labelled = listing.classes().flatMap(({ name }) => listing.pictures({ class: name }));
    const every = Math.max(1, labelled.length / MAX_NEAR);
    const taken = Array.from({ length: Math.floor(labelled.length / every) }, (_, i) => labelled[Math.floor(i * every)]!); // prettier-ignore
    try {
      await near.update(new Map(taken.map((id) => [id, path.join(root, id)])), workOf({ signal: this.#stop.signal })); // prettier-ignore
      this.#seen = revision;
    } catch {
      // Stopped, or a folder that is changed while it is read: looked through again next time.
    }
  }
}

function closeUnused({ model, users, isLeft }: KeptModel): void {
  if (!isLeft || users > 0) return;
  model.then((open) => open.close()).catch(() => {}); // told to who opened it
}
