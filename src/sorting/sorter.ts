// sorter.ts: pictures into folders of classes below one folder, with a list that takes them back.

import { lstat, realpath, unlink } from 'node:fs/promises';
import path from 'node:path';
import { sweepAsides } from '../util/aside.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { makeFolder, writeFailed } from '../util/files.ts';
import { withFileLockOrElse } from '../util/lock.ts';
import { folderNames, UNKNOWN, UNSURE } from './folder-names.ts';
import { freeNames } from './free-names.ts';
import { JOURNAL, openJournal, readJournal } from './journal.ts';
import { isSame, isTaken, placeFile, type SortBy } from './place.ts';

export interface SortOptions {
  /** Gets a folder for each class, and sorted.csv. */
  readonly folder: string;
  readonly by: SortBy;
  /** Pictures whose class is less probable go to `_unsure`; 0…1. */
  readonly unsure: number;
}

/** What was said of a picture. */
export interface SaidPicture {
  readonly file: string;
  /** The folder in which it was found; absent where the user named the file itself. It is not moved out of a folder to which a link below this one leads. */
  readonly root?: string | undefined;
  /** Absent where no class was said. */
  readonly label?: string | undefined;
  readonly probability?: number | undefined;
  /** Unlike every class. */
  readonly isUnknown?: boolean | undefined;
}

export interface Sorter {
  /** Places a picture; one that an earlier, interrupted command placed stays there. @throws AppError WRITE_FAILED */
  add(picture: SaidPicture): Promise<void>;
  /** For people. */
  summary(): readonly string[];
}

/** The only process that sorts into the folder runs `action`. @throws AppError WRITE_FAILED, FILE_INVALID, USAGE */
export async function withSorter<T>(
  options: SortOptions,
  action: (sorter: Sorter) => Promise<T>,
): Promise<T> {
  const folder = path.resolve(options.folder);
  await makeFolder(folder);
  const file = path.join(folder, JOURNAL);
  const sort = async () => {
    const before = (await isTaken(file)) ? await readJournal(file) : [];
    const journal = await openJournal(file, before);
    try {
      return await action(sorterOf({ ...options, folder }, journal, before));
    } finally {
      await journal.close();
    }
  };
  return withFileLockOrElse(
    file,
    sort,
    (owner) => new AppError('USAGE', `another finch (${owner}) sorts into ${options.folder}; wait for it, or choose another folder`), // prettier-ignore
  );
}

function sorterOf(
  { folder, by, unsure }: SortOptions,
  journal: Awaited<ReturnType<typeof openJournal>>,
  before: Awaited<ReturnType<typeof readJournal>>,
): Sorter {
  const folderOf = folderNames();
  const placed = new Map(before.map(({ from, to }) => [from, to]));
  const freeName = freeNames();
  const counts = new Map<string, number>();
  /** Lines about pictures that were not placed, by their paths. */
  const left = new Map<string, string>();
  let again = 0;
  const folderFor = ({ label, probability = 0, isUnknown }: SaidPicture) => {
    if (isUnknown === true || label === undefined) return UNKNOWN;
    return probability < unsure ? UNSURE : folderOf(label);
  };
  return {
    async add(picture) {
      const from = path.resolve(picture.file);
      const known = placed.get(from);
      if (known !== undefined && (await isTaken(known))) {
        // A move has two steps, and a kill may have come between them.
        if (by === 'move' && (await isTaken(from)) && (await isSame(from, known))) await unlink(from);
        again += 1;
        return;
      }
      const problem = await problemOf(from, by, picture.root);
      if (problem !== undefined) {
        left.set(from, `left where it is: ${picture.file}: ${problem}`);
        return;
      }
      const name = folderFor(picture);
      const at = path.join(folder, name);
      await makeFolder(at);
      await sweepAsides(at);
      // A row whose picture was not placed before a kill is still true when it is placed now.
      const isListed = known !== undefined && path.dirname(known) === at;
      const to = isListed ? known : await freeName(at, path.basename(from));
      const { label = '', probability = 0 } = picture;
      const withdraw = isListed ? async () => {} : await journal.add({ from, to, label, probability });
      try {
        await placeFile(from, to, by);
      } catch (error) {
        await withdraw();
        if (systemCode(error) !== 'ENOENT') throw writeFailed(to, error);
        left.set(from, `left out: ${picture.file}: ${messageOf(error)}`);
        return;
      }
      placed.set(from, to);
      // It was met before behind a link, and now in a folder that the user named.
      left.delete(from);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    summary: () => {
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const apart = [UNSURE, UNKNOWN].flatMap((name) => (counts.has(name) ? [`${counts.get(name)} in ${name}`] : [])); // prettier-ignore
      const classes = [...counts.keys()].filter((name) => name !== UNSURE && name !== UNKNOWN).length;
      const done = `${IN_WORDS[by]}: ${total} ${total === 1 ? 'picture' : 'pictures'}, ${classes} ${classes === 1 ? 'class' : 'classes'}${apart.map((text) => `, ${text}`).join('')}`;
      const was = again > 0 ? [`${again} had been sorted before`] : [];
      return [...[...left.values()].slice(0, MAX_LEFT), ...(left.size > MAX_LEFT ? [`and ${left.size - MAX_LEFT} more`] : []), done, ...was]; // prettier-ignore
    },
  };
}

/** Why a picture stays where it is. */
async function problemOf(from: string, by: SortBy, root: string | undefined): Promise<string | undefined> {
  const found = await lstat(from).catch(() => undefined);
  if (!found) return 'it is no file with a name that can be written down';
  if (by !== 'move') return undefined;
  if (found.isSymbolicLink()) return 'links are not moved';
  if (root === undefined) return undefined;
  const [real, top] = await Promise.all([realpath(path.dirname(from)), realpath(root)]);
  const isBehindLink = real !== path.join(top, path.relative(root, path.dirname(from)));
  return isBehindLink ? 'it lies in another folder, to which a link leads' : undefined;
}

const MAX_LEFT = 10;
const IN_WORDS: Readonly<Record<SortBy, string>> = { copy: 'copied', link: 'linked', move: 'moved' };
