// journal.ts: journal.ndjson: what was changed in the folder. A change is on disk, with all that it will do, before its first step is
// done, and once more when its last one is: whatever a killed process did can be finished, and everything can be taken back.

import { constants } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { isTaken } from '../../sorting/place.ts';
import { freeNames } from '../../sorting/free-names.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { readRegularFile, writeFailed } from '../../util/files.ts';
import { parseJson } from '../../util/json.ts';
import { STEP, type Step } from './steps.ts';

const JOURNAL = 'journal.ndjson';

const count = z.int().nonnegative();

/** One change: it is about to be done. */
const CHANGE = z.object({
  id: count,
  at: z.iso.datetime(),
  /** One line for people: `3 pictures to cat`. */
  text: z.string().max(1000),
  steps: z.array(STEP),
  /** The change that this one takes back. */
  undoes: count.optional(),
  /** Pictures came: taken back, they go into the trash. */
  isUpload: z.literal(true).optional(),
});

/** It is done, all but these of its steps. */
const END = z.object({ id: count, left: z.array(count) });

export type Change = Omit<z.infer<typeof CHANGE>, 'steps'> & { readonly steps: readonly Step[] };
export type DoneChange = Change & { readonly left: readonly number[] };

/** A journal that is larger is put aside at the next start, and the next one begun; in bytes. */
const LARGE = 32 * 1024 ** 2;
/** One that is larger is none that a studio wrote. */
const MAX_BYTES = 1024 ** 3;
/** A change of 10,000 pictures has some 50,000 values; the rest is room. */
const MAX_LINE_VALUES = 1_000_000;
/** Of one change: its line has some three values a step. */
const MAX_STEPS = 250_000;
/** So many changes can be taken back. */
const MAX_UNDO = 1000;

/** A link instead of the file would be written through. Windows has no such flag. */
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

export class Journal {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #done: DoneChange[];
  #next: number;
  /** A change that is done, whose last line the disk did not take. */
  #owed: DoneChange | undefined;
  /** Was begun by a process that was killed. */
  readonly pending: Change | undefined;

  private constructor(file: string, handle: FileHandle, { done, pending }: Read) {
    this.#file = file;
    this.#handle = handle;
    this.#done = [...done];
    this.#next = 1 + Math.max(0, pending?.id ?? 0, ...done.map(({ id }) => id));
    this.pending = pending;
  }

  /** @param folder of the studio's own. @throws AppError FILE_INVALID, WRITE_FAILED */
  static async open(folder: string): Promise<Journal> {
    const file = path.join(folder, JOURNAL);
    const text = await readText(file);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const read = readJournal(whole, file);
    const isFull = Buffer.byteLength(whole) > LARGE && !read.pending;
    if (isFull) await rename(file, await freeNames()(folder, JOURNAL));
    const handle = await open(file, APPEND, 0o600).catch((error: unknown) => {
      throw writeFailed(file, error);
    });
    // What a kill cut off in the middle of a line was not begun.
    if (!isFull && whole.length < text.length) await handle.truncate(Buffer.byteLength(whole));
    return new Journal(file, handle, read);
  }

  /** The changes that were done, the oldest first. */
  get done(): readonly DoneChange[] {
    return this.#done;
  }

  /** The last change that can be taken back. */
  get last(): DoneChange | undefined {
    const undone = new Set(this.#done.map(({ undoes }) => undoes));
    return this.#done.findLast(({ id, undoes }) => undoes === undefined && !undone.has(id));
  }

  /** Writes down what is about to be done. @throws AppError USAGE for too much at once, WRITE_FAILED */
  async begin(change: Omit<Change, 'id' | 'at'>): Promise<Change> {
    if (change.steps.length > MAX_STEPS) {
      throw new AppError('USAGE', `${change.text}: that is ${change.steps.length} steps at once, expected at most ${MAX_STEPS}; move the pictures in parts`); // prettier-ignore
    }
    if (this.#owed) await this.#writeEnd(this.#owed);
    const begun = { id: this.#next, at: new Date().toISOString(), ...change };
    await this.#write(begun);
    this.#next += 1;
    return begun;
  }

  /** Writes down that it is done. @param left the steps that could not be done. @throws AppError WRITE_FAILED */
  async end(change: Change, left: readonly number[]): Promise<void> {
    const done = { ...change, left };
    this.#done.push(done);
    if (this.#done.length > MAX_UNDO) this.#done.shift();
    this.#owed = done;
    await this.#writeEnd(done);
  }

  async #writeEnd({ id, left }: DoneChange): Promise<void> {
    await this.#write({ id, left });
    this.#owed = undefined;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** A line is on disk as a whole before anything follows from it. */
  async #write(line: unknown): Promise<void> {
    const { size } = await this.#handle.stat();
    try {
      await this.#handle.appendFile(`${JSON.stringify(line)}\n`);
      await this.#handle.datasync();
    } catch (error) {
      // A full disk may have taken a part of it.
      await this.#handle.truncate(size).catch(() => {});
      throw writeFailed(this.#file, error);
    }
  }
}

async function readText(file: string): Promise<string> {
  if (!(await isTaken(file))) return '';
  const bytes = await readRegularFile(file, { limit: MAX_BYTES }).catch((error: unknown) => {
    if (systemCode(error) === undefined) throw error;
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${systemCode(error)}`, { cause: error });
  });
  return bytes.toString();
}

interface Read {
  readonly done: readonly DoneChange[];
  readonly pending: Change | undefined;
}

/** @throws AppError FILE_INVALID for lines that no studio wrote */
function readJournal(text: string, file: string): Read {
  const done: DoneChange[] = [];
  let pending: Change | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const refuse = () => new AppError('FILE_INVALID', `${file}: line ${i + 1} is not as the studio writes it; move the file away to begin a new one`); // prettier-ignore
    const value = parseJson(line, { what: `${file}: line ${i + 1}`, maxValues: MAX_LINE_VALUES });
    const begun = CHANGE.safeParse(value);
    if (begun.success && !pending) pending = begun.data;
    else {
      const ended = END.safeParse(value);
      if (!ended.success || ended.data.id !== pending?.id) throw refuse();
      done.push({ ...pending, left: ended.data.left });
      if (done.length > MAX_UNDO) done.shift();
      pending = undefined;
    }
  }
  return { done, pending };
}
