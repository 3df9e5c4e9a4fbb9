// studio-folder.ts: the folder of pictures that a studio works on: what is in it, and all that changes it, one change at a time.
// The folder on disk is the truth; nothing is ever deleted.

import { access, constants, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { HttpProblem } from '../../http/problem.ts';
import { asideOf, sweepAsides } from '../../util/aside.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { writeFailed } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import { discarding, makingClass, moving, removingClass, renamingClass, undoing, type Plan, type Renaming } from './changes.ts'; // prettier-ignore
import { carryOut, type Changed } from './carry-out.ts';
import { checkedClassName } from './class-name.ts';
import { Journal } from './journal.ts';
import { Listing } from './listing.ts';
import { INCOMING, OWN } from './places.ts';
import type { Step } from './steps.ts';

/** How often the folder is looked at for what others change, in milliseconds. */
const LOOK_MS = 2000;

/** Why nothing can be done in the folder; null where all is well. */
type Trouble = 'gone' | 'unreadable' | 'failing' | null;

const TROUBLES: ReadonlyMap<string | undefined, Trouble> = new Map([
  ['ENOENT', 'gone'],
  ['ENOTDIR', 'gone'],
  ['EACCES', 'unreadable'],
  ['EPERM', 'unreadable'],
]);

export class StudioFolder {
  /** Without links in it. */
  readonly root: string;
  readonly listing: Listing;
  readonly #journal: Journal;
  readonly #onChange = new Set<() => void>();
  readonly #looking: NodeJS.Timeout;
  /** Ends when the change before is done. */
  #turn: Promise<unknown> = Promise.resolve();
  #revision = 1;
  #trouble: Trouble = null;

  private constructor(root: string, listing: Listing, journal: Journal) {
    this.root = root;
    this.listing = listing;
    this.#journal = journal;
    this.#looking = setInterval(() => void this.#inTurn(() => this.#look()), LOOK_MS);
    this.#looking.unref();
  }

  /** Grows with every change, whoever makes it. */
  get revision(): number {
    return this.#revision;
  }

  /** What others have done to the folder itself. */
  trouble(): Promise<Trouble> {
    return access(this.root, constants.R_OK | constants.X_OK).then(
      () => null,
      (error: unknown) => TROUBLES.get(systemCode(error)) ?? 'failing',
    );
  }

  /** What would be undone next. */
  get canUndo(): string | null {
    return this.#journal.last?.text ?? null;
  }

  /** Opens the folder, and finishes what a killed studio had begun. @throws AppError WRITE_FAILED, FILE_INVALID */
  static async open(root: string, onNote: (text: string) => void): Promise<StudioFolder> {
    const journal = await Journal.open(path.join(root, OWN));
    const { pending } = journal;
    if (pending) {
      const { failed } = await carryOut(pending, { root, journal, isAgain: true });
      onNote(
        `finished what was interrupted: ${pending.text}${failed.length > 0 ? `, ${failed.length} not` : ''}`,
      );
    }
    await sweepAsides(path.join(root, INCOMING));
    const listing = await Listing.read(root);
    if (listing.links > 0)
      onNote(`left out: ${listing.links} links; only what lies in the folder itself is shown`);
    const { unread } = listing;
    if (unread.length > 0)
      onNote(`left out: ${unread.length} ${unread.length === 1 ? 'folder' : 'folders'} that cannot be read, ${quoted(unread.join(', '))}; allow it, and they are shown`); // prettier-ignore
    return new StudioFolder(root, listing, journal);
  }

  /** Returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  /** The file of a picture. @throws HttpProblem NOT_FOUND, also for what is no picture of this folder */
  async fileOf(id: string): Promise<string> {
    const file = path.join(this.root, id);
    // A picture may have been replaced by a link since.
    if (this.listing.has(id) && (await realpath(file).catch(() => undefined)) === file) return file;
    throw new HttpProblem('NOT_FOUND', `there is no picture ${quoted(id)}`);
  }

  move(ids: readonly string[], to: string | null): Promise<Changed> {
    return this.#changeThose(ids, (there) => moving(there, to, this));
  }

  discard(ids: readonly string[]): Promise<Changed> {
    return this.#changeThose(ids, (there) => discarding(there, this));
  }

  makeClass(name: string): Promise<Changed> {
    return this.#change(() => makingClass(name, this));
  }

  renameClass(renaming: Renaming): Promise<Changed> {
    return this.#change(() => renamingClass(renaming, this));
  }

  removeClass(name: string): Promise<Changed> {
    return this.#change(() => removingClass(name, this));
  }

  /** Puts a picture into the folder. @param name of its file. Returns its id. @throws AppError WRITE_FAILED */
  async add(bytes: Uint8Array, name: string, to: string | null): Promise<string> {
    if (to !== null && !this.listing.hasClass(to)) checkedClassName(to);
    const aside = await asideOf(path.join(this.root, INCOMING, name));
    try {
      await writeFile(aside, bytes, { flag: 'wx', flush: true }).catch((error: unknown) => {
        throw writeFailed(name, error);
      });
      const { moved, failed } = await this.#change(async () => {
        const from = `${INCOMING}/${path.basename(aside)}`;
        return { ...(await moving([from], to, this, name)), text: `${quoted(name)} added`, isUpload: true };
      });
      if (failed[0]) throw new AppError('WRITE_FAILED', failed[0].detail);
      return moved[0]!.to;
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  }

  /** Takes back the last change that was not taken back yet. @throws HttpProblem NOT_FOUND where there is none */
  async undo(): Promise<Changed & { readonly undone: string }> {
    let undone = '';
    const changed = await this.#change(async () => {
      const { last } = this.#journal;
      if (!last) throw new HttpProblem('NOT_FOUND', 'there is nothing to undo');
      undone = last.text;
      return undoing(last, this);
    });
    return { ...changed, undone };
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#turn.catch(() => {});
    await this.#journal.close();
  }

  /** A change of those pictures that are there. */
  async #changeThose(
    ids: readonly string[],
    plan: (there: readonly string[]) => Promise<Plan>,
  ): Promise<Changed> {
    const missing: string[] = [];
    const changed = await this.#change(() => {
      const wanted = [...new Set(ids)];
      missing.push(...wanted.filter((id) => !this.listing.has(id)));
      return plan(wanted.filter((id) => this.listing.has(id)));
    });
    const absent = missing.map((id) => ({ id, detail: 'there is no such picture any more' }));
    return { ...changed, failed: [...changed.failed, ...absent] };
  }

  #change(plan: () => Promise<Plan>): Promise<Changed> {
    return this.#inTurn(async () => {
      const planned = await plan();
      if (planned.steps.length === 0) return { moved: [], failed: [] };
      const change = await this.#journal.begin(planned);
      const { root, listing } = this;
      const onStep = (step: Step) => listing.apply(step);
      try {
        return await carryOut(change, { root, journal: this.#journal, isAgain: false, onStep });
      } finally {
        this.#changed();
      }
    });
  }

  async #look(): Promise<void> {
    const trouble = await this.trouble();
    const isOther = trouble !== this.#trouble;
    this.#trouble = trouble;
    // What cannot be looked at is as it was.
    const isDifferent = trouble === null && (await this.listing.refresh());
    if (isOther || isDifferent) this.#changed();
  }

  #changed(): void {
    this.#revision += 1;
    for (const listener of this.#onChange) listener();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.catch(() => {}).then(action);
    this.#turn = result;
    return result;
  }
}
