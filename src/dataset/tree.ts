// tree.ts: a folder and everything below it, by names alone, from which the dataset's layout is decided. It opens no picture.

import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { folderEntries } from '../images/folder.ts';
import { passedOver, type PassedOver } from '../images/passed-over.ts';
import { joinedTo } from '../objects/address.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { splitNamed, splitsNamed, type SplitName } from './split-names.ts';

/** Folders nested deeper than this are not a dataset, but a whole disk. */
const MAX_DEPTH = 64;
/** Of a path in a message, in characters. */
const MAX_SHOWN = 100;

export interface Folder {
  readonly name: string;
  readonly path: string;
  /** The part that it stands for by its name and those beside it; undefined for other names. */
  readonly split: SplitName | undefined;
  /** Names of its own pictures, in order. */
  readonly pictures: readonly string[];
  readonly folders: readonly Folder[];
  /** Names of its files that are not pictures. */
  readonly others: readonly string[];
  /** Names of its pictures of kinds that finch does not read. */
  readonly unread: readonly string[];
  /** Names of its folders that a system or tool keeps for itself; they are not searched. */
  readonly system: readonly string[];
  /** The number of pictures in it and in all folders below it. */
  readonly count: number;
}

interface Walk {
  readonly signal: AbortSignal | undefined;
  /** Folders that were reached by links. */
  readonly linked: Set<string>;
  readonly problems: string[];
}

interface At {
  readonly folder: string;
  readonly real: string;
  readonly above: ReadonlySet<string>;
  /** Whether a link led here. Links from here are followed to each folder once, or two links each would double the work. */
  readonly isLinked: boolean;
}

/**
 * @param problems receives remarks about what cannot be read; a `root` that cannot be read is an error
 * @throws AppError DATASET_NOT_FOUND, INTERRUPTED
 */
export async function readTree(root: string, problems: string[], signal?: AbortSignal): Promise<Folder> {
  try {
    const real = await realpath(root);
    return await readFolder({ folder: root, real, above: new Set(), isLinked: false }, { signal, linked: new Set(), problems }); // prettier-ignore
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('DATASET_NOT_FOUND', `${root} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function readFolder({ folder, real, above, isLinked }: At, walk: Walk): Promise<Folder> {
  const { signal, linked, problems } = walk;
  if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the dataset was looked through');
  const all = await folderEntries(folder);
  // Samples are identified by their paths as text.
  const entries = all.filter(({ bytes }) => bytes === undefined);
  for (const { name, bytes } of all) {
    if (bytes) problems.push(`left out: ${path.join(folder, name)}, whose name is not UTF-8; rename it`);
  }
  const names = (wanted: string) => entries.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  const inside = new Set([...above, real]);
  const folders: Folder[] = [];
  for (const { name, kind, isLink } of entries) {
    if (kind !== 'folder') continue;
    const child = path.join(folder, name);
    try {
      const target = isLink ? await realpath(child) : path.join(real, name);
      if (isLink && (inside.has(target) || (isLinked && linked.has(target)))) continue;
      if (inside.size > MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} folders within folders`);
      if (isLink) linked.add(target);
      folders.push(await readFolder({ folder: child, real: target, above: inside, isLinked: isLinked || isLink }, walk)); // prettier-ignore
    } catch (error) {
      if (error instanceof AppError) throw error;
      problems.push(`${child}: the folder cannot be read: ${messageOf(error)}`);
    }
  }
  const pictures = names('picture');
  return {
    name: path.basename(folder),
    path: folder,
    split: splitNamed(path.basename(folder)),
    pictures,
    folders: withSplits(folders),
    others: names('other'),
    unread: names('unread'),
    system: names('system'),
    count: folders.reduce((sum, { count }) => sum + count, pictures.length),
  };
}

/** A picture inside an archive or a bucket, and the folders around it, the outermost first. */
interface Named {
  readonly folders: readonly string[];
  readonly name: string;
}

/** The tree that names make which lie in no folder of the disk. @throws AppError DATASET_INVALID for folders nested too deep */
export function treeOf(root: string, pictures: readonly Named[], depth = 0): Folder {
  if (depth > MAX_DEPTH) throw new AppError('DATASET_INVALID', `${root.slice(0, MAX_SHOWN)}… has more than ${MAX_DEPTH} folders within folders`); // prettier-ignore
  const inside = new Map<string, Named[]>();
  const own: string[] = [];
  for (const { folders, name } of pictures) {
    const [first, ...rest] = folders;
    if (first === undefined) own.push(name);
    else {
      const below = inside.get(first) ?? [];
      below.push({ folders: rest, name });
      inside.set(first, below);
    }
  }
  const folders = [...inside]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, below]) => ({ ...treeOf(joinedTo(root, name), below, depth + 1), name }));
  const name = path.basename(root);
  return {
    name,
    path: root,
    split: splitNamed(name),
    pictures: own,
    folders: withSplits(folders),
    others: [],
    unread: [],
    system: [],
    count: pictures.length,
  };
}

/** What is left out of a folder and of all below it. */
export function otherFiles(folder: Folder, counts: PassedOver = passedOver()): PassedOver {
  for (const name of folder.others) counts.add(name, 'other');
  for (const name of folder.unread) counts.add(name, 'unread');
  for (const inner of folder.folders) otherFiles(inner, counts);
  return counts;
}

/** Paths of all pictures in a folder and below it, in the order of names, with subfolders in the same order. */
export function picturesIn(folder: Folder): readonly string[] {
  const entries = [
    ...folder.pictures.map((name) => ({ name, files: [joinedTo(folder.path, name)] as readonly string[] })),
    ...folder.folders.map((inner) => ({ name: inner.name, files: picturesIn(inner) })),
  ];
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap(({ files }) => files);
}

function withSplits(folders: readonly Folder[]): readonly Folder[] {
  const splits = splitsNamed(folders.map(({ name }) => name));
  return folders.map((folder, i) => ({ ...folder, split: splits[i] }));
}
