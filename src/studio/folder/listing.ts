// listing.ts: which pictures lie in the folder, by names alone: read once, told of what the studio itself changes, and read again
// where the file system says that a folder has changed. Links are passed over: what is shown is inside the folder.

import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { folderEntries } from '../../images/folder.ts';
import { byCodePoint } from '../../util/order.ts';
import { classOf, folderOf, joined, nameOf, TRASH } from './places.ts';
import type { Step } from './steps.ts';

/** Folders nested deeper are no dataset. */
const MAX_DEPTH = 32;
/** A folder that takes long to read is read less often: so many times as long apart. */
const REST = 20;
/** A folder that changed so shortly before it was read may have changed again within one tick of the file system's clock. */
const TICK_MS = 100;

interface Listed {
  readonly names: Set<string>;
  readonly folders: Set<string>;
  /** Those of its folders that could not be read. */
  readonly unread: Set<string>;
  /** How many links were passed over. */
  readonly links: number;
  /** When it changed last, as far as it was read. */
  modified: number;
  /** When it may be read again, in milliseconds as `performance.now` counts. */
  next: number;
  /** In order; absent where it has to be sorted again. */
  sorted: readonly string[] | undefined;
}

export interface ClassCount {
  readonly name: string;
  readonly count: number;
}

/** Which pictures: those of a class, those without one, the trash, or all that are not in it. */
export type Wanted = { readonly class: string } | 'unlabelled' | 'trash' | 'all';

export class Listing {
  readonly #root: string;
  readonly #listed = new Map<string, Listed>();

  private constructor(root: string) {
    this.#root = root;
  }

  /** @throws the system's errors where the folder cannot be read */
  static async read(root: string): Promise<Listing> {
    const listing = new Listing(root);
    await listing.#readFolder('');
    await listing.#readFolder(TRASH).catch(() => {});
    return listing;
  }

  /** Links that were passed over. */
  get links(): number {
    return [...this.#listed.values()].reduce((sum, { links }) => sum + links, 0);
  }

  /** Folders that could not be read, by their paths. */
  get unread(): readonly string[] {
    return [...this.#listed].flatMap(([folder, { unread }]) =>
      [...unread].map((name) => joined(folder, name)),
    );
  }

  has(id: string): boolean {
    return this.#listed.get(folderOf(id))?.names.has(nameOf(id)) ?? false;
  }

  hasClass(name: string): boolean {
    return this.#listed.get('')!.folders.has(name);
  }

  classes(): readonly ClassCount[] {
    const names = [...this.#listed.get('')!.folders].toSorted(byCodePoint);
    return names.map((name) => ({ name, count: this.count({ class: name }) }));
  }

  count(wanted: Wanted): number {
    return this.#foldersOf(wanted).reduce(
      (sum, folder) => sum + (this.#listed.get(folder)?.names.size ?? 0),
      0,
    );
  }

  /** In the order of their names, those of a folder together. */
  pictures(wanted: Wanted): readonly string[] {
    return this.#foldersOf(wanted).flatMap((folder) => this.#sorted(folder));
  }

  /** What a step of a change has done. */
  apply(step: Step): void {
    if ('make' in step) this.#addFolder(step.make);
    else if ('unmake' in step) this.#removeFolder(step.unmake);
    else if (this.#listed.has(step.from)) this.#moveFolder(step.from, step.to);
    else {
      this.#remove(step.from);
      this.#add(step.to);
    }
  }

  /** Looks whether folders have changed, and reads those. @returns whether anything is different */
  async refresh(): Promise<boolean> {
    let isDifferent = false;
    for (const [folder, listed] of this.#listed) {
      if (performance.now() < listed.next) continue;
      const modified = await modifiedAt(path.join(this.#root, folder));
      const isOther =
        modified === listed.modified
          ? await this.#readUnread(folder, listed)
          : await this.#readFolder(folder).catch(() => folder !== '' && this.#loseFolder(folder));
      isDifferent = isOther || isDifferent;
    }
    return isDifferent;
  }

  /** Reads a folder, and those in it that are new. @returns whether it is not as it was known */
  async #readFolder(folder: string): Promise<boolean> {
    const began = performance.now();
    const at = path.join(this.#root, folder);
    const modified = await modifiedAt(at);
    const isSure = modified < Date.now() - TICK_MS;
    const entries = (await folderEntries(at)).filter(({ bytes }) => bytes === undefined);
    const own = entries.filter(({ isLink }) => !isLink);
    const names = new Set(own.flatMap(({ name, kind }) => (kind === 'picture' ? [name] : [])));
    const folders = new Set(own.flatMap(({ name, kind }) => (kind === 'folder' ? [name] : [])));
    const took = performance.now() - began;
    const before = this.#listed.get(folder);
    const isOther = !before || !isEqual(before.names, names) || !isEqual(before.folders, folders);
    const unread = new Set<string>();
    this.#listed.set(folder, {
      names,
      folders,
      unread,
      links: entries.length - own.length,
      modified: isSure ? modified : -1,
      next: performance.now() + REST * took,
      sorted: isOther ? undefined : before.sorted,
    });
    for (const name of before?.folders ?? []) {
      if (!folders.has(name)) this.#removeFolder(joined(folder, name));
    }
    for (const name of folders) {
      const inner = joined(folder, name);
      if (this.#listed.has(inner) || inner.split('/').length > MAX_DEPTH) continue;
      await this.#readFolder(inner).catch(() => unread.add(name));
    }
    return isOther;
  }

  /** What could not be read may be allowed since, which changes nothing of the folder around it. @returns whether one was read */
  async #readUnread(folder: string, { unread }: Listed): Promise<boolean> {
    let isDifferent = false;
    for (const name of unread) {
      const inner = joined(folder, name);
      if (!(await mayBeRead(path.join(this.#root, inner)))) continue;
      const isRead = await this.#readFolder(inner).then(() => unread.delete(name), () => false); // prettier-ignore
      isDifferent ||= isRead;
    }
    return isDifferent;
  }

  #foldersOf(wanted: Wanted): readonly string[] {
    if (wanted === 'unlabelled') return [''];
    if (wanted === 'trash') return this.#below(TRASH);
    return wanted === 'all' ? this.#below('') : this.#below(wanted.class);
  }

  /** A folder and all in it, by name. */
  #below(folder: string): readonly string[] {
    const listed = this.#listed.get(folder);
    if (!listed) return [];
    const inner = [...listed.folders].toSorted(byCodePoint);
    return [folder, ...inner.flatMap((name) => this.#below(joined(folder, name)))];
  }

  #sorted(folder: string): readonly string[] {
    const listed = this.#listed.get(folder)!;
    return (listed.sorted ??= [...listed.names].sort().map((name) => joined(folder, name)));
  }

  #add(id: string): void {
    const listed = this.#listed.get(folderOf(id)) ?? this.#addFolder(folderOf(id));
    listed.names.add(nameOf(id));
    listed.sorted = undefined;
  }

  #remove(id: string): void {
    const listed = this.#listed.get(folderOf(id));
    if (listed?.names.delete(nameOf(id))) listed.sorted = undefined;
  }

  #addFolder(folder: string): Listed {
    const known = this.#listed.get(folder);
    if (known) return known;
    const fresh: Listed = {
      names: new Set(),
      folders: new Set(),
      unread: new Set(),
      links: 0,
      modified: -1,
      next: 0,
      sorted: undefined,
    };
    this.#listed.set(folder, fresh);
    if (folder !== TRASH) this.#addFolder(folderOf(folder)).folders.add(nameOf(folder));
    return fresh;
  }

  #removeFolder(folder: string): true {
    for (const name of this.#listed.get(folder)?.folders ?? []) this.#removeFolder(joined(folder, name));
    if (folder !== '' && folder !== TRASH) this.#listed.delete(folder);
    const around = this.#listed.get(folderOf(folder));
    around?.folders.delete(nameOf(folder));
    around?.unread.delete(nameOf(folder));
    return true;
  }

  /** Whether a folder that cannot be read is still there, says the folder around it. */
  #loseFolder(folder: string): true {
    const around = this.#listed.get(folderOf(folder));
    if (around) around.modified = -1;
    return this.#removeFolder(folder);
  }

  #moveFolder(from: string, to: string): void {
    const ids = this.#below(from).map((folder) => [folder, this.#listed.get(folder)!] as const);
    this.#removeFolder(from);
    for (const [folder, { names }] of ids) {
      const target = this.#addFolder(to + folder.slice(from.length));
      for (const name of names) target.names.add(name);
      target.sorted = undefined;
    }
  }
}

/** The class that a list of pictures is of, for each of them. */
export const withClass = (id: string) => ({ id, class: classOf(id) });

/** In milliseconds; 0 where it is gone. */
const modifiedAt = (folder: string) => stat(folder).then(({ mtimeMs }) => mtimeMs, () => 0); // prettier-ignore

const mayBeRead = (folder: string) => access(folder, constants.R_OK | constants.X_OK).then(() => true, () => false); // prettier-ignore

function isEqual(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((name) => b.has(name));
}
