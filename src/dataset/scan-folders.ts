// scan-folders.ts: class folders, train/ and val/ with class folders, and folders of class folders.
//
// Where at least one folder of the first level has pictures of its own, the folders of that level are the classes, and
// whatever lies below belongs to them (torchvision's ImageFolder). Where none has, the folders that do are the classes,
// and those of one name are one class.

import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { folderEntries, walk, type FolderEntry } from '../images/source.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { byCodePoint } from '../util/order.ts';
import { invalid, list, quoted, type Dataset, type Sample } from './dataset.ts';
import { splitNamed, type SplitName } from './split-names.ts';

/** Folders within folders beyond this are no dataset, but a disk. */
const MAX_DEPTH = 12;

/** A class folder's pictures, before classes have numbers. */
interface ClassFolder {
  readonly name: string;
  readonly files: readonly string[];
}

interface Found {
  readonly folders: readonly ClassFolder[];
  readonly remarks: readonly string[];
}

/** @throws AppError DATASET_INVALID */
export async function scanFolders(root: string): Promise<Dataset> {
  const { base, entries } = await pastWrappers(root);
  const folders = entries.filter((entry) => entry.kind === 'folder').map(({ name }) => name);
  const standingFor = (split: SplitName) => folders.filter((name) => splitNamed(name) === split);
  const [trainName] = standingFor('train');
  const others = [...standingFor('val'), ...standingFor('test')];
  if (trainName === undefined || folders.length > others.length + 1) {
    const found = await classFolders(base);
    const classes = classNames(root, found.folders);
    return {
      layout: 'class folders',
      classes,
      multiLabel: false,
      train: samplesOf(base, found.folders, classes),
      remarks: found.remarks,
    };
  }
  const train = await classFolders(path.join(base, trainName));
  const classes = classNames(root, train.folders);
  const remarks = [...train.remarks];
  const parts: Sample[][] = [];
  for (const name of others) {
    const part = await classFolders(path.join(base, name));
    const unknown = part.folders.map((f) => f.name).filter((name) => !classes.includes(name));
    if (unknown.length > 0) {
      throw invalid(
        root,
        `has classes in ${name}/ that ${trainName}/ has not: ${list(unknown)}`,
        'add them there, or remove them',
      );
    }
    const missing = classes.filter((c) => !part.folders.some((f) => f.name === c && f.files.length > 0));
    if (missing.length > 0) remarks.push(`${name}/ has no pictures of ${list(missing)}`);
    remarks.push(...part.remarks);
    parts.push(samplesOf(base, part.folders, classes));
  }
  return {
    layout: [trainName, ...others].map((name) => `${name}/`).join(' and '),
    classes,
    multiLabel: false,
    train: samplesOf(base, train.folders, classes),
    ...(parts[0] && { val: parts[0] }),
    ...(parts[1] && { test: parts[1] }),
    remarks,
  };
}

/** Goes down while a folder holds one folder and no picture: archives often unpack so. */
async function pastWrappers(root: string): Promise<{ base: string; entries: readonly FolderEntry[] }> {
  let base = root;
  for (let depth = 0; ; depth++) {
    const entries = await readEntries(base);
    const folders = entries.filter((entry) => entry.kind === 'folder');
    const only = folders[0];
    if (folders.length !== 1 || entries.some((entry) => entry.kind === 'picture') || depth >= MAX_DEPTH) {
      return { base, entries };
    }
    const inside = path.join(base, only!.name);
    const below = await readEntries(inside);
    // A class folder, not a wrapper.
    if (!below.some((entry) => entry.kind === 'folder') || below.some((entry) => entry.kind === 'picture')) {
      return { base, entries };
    }
    if (splitNamed(only!.name) === 'train') return { base, entries };
    base = inside;
  }
}

async function readEntries(folder: string): Promise<readonly FolderEntry[]> {
  try {
    return await folderEntries(folder);
  } catch (error) {
    throw new AppError('DATASET_NOT_FOUND', `${folder} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function classFolders(base: string): Promise<Found> {
  const entries = await readEntries(base);
  const names = entries.filter((entry) => entry.kind === 'folder').map((entry) => entry.name);
  const loose = entries.filter((entry) => entry.kind === 'picture').length;
  if (names.length === 0) {
    const has = loose === 0 ? 'has no pictures' : `has ${loose} pictures and no class folders`;
    throw invalid(base, has, 'expected a folder for each class, with its pictures in it');
  }
  const remarks = loose > 0 ? [`${loose} pictures beside the class folders are left out`] : [];
  const direct = await Promise.all(names.map((name) => hasPictures(path.join(base, name))));
  if (!direct.includes(true)) {
    const leaves: ClassFolder[] = [];
    for (const name of names) await collectLeaves(path.join(base, name), leaves, new Set());
    if (leaves.some((leaf) => leaf.files.length > 0)) return { folders: leaves, remarks };
    throw invalid(base, 'has no pictures', 'expected a folder for each class, with its pictures in it');
  }
  const folders: ClassFolder[] = [];
  for (const name of names) {
    const files: string[] = [];
    for await (const { file, content } of walk(path.join(base, name))) {
      if ('error' in content) remarks.push(`${file}: ${content.error.message}`);
      else files.push(file);
    }
    folders.push({ name, files });
  }
  return { folders, remarks };
}

async function hasPictures(folder: string): Promise<boolean> {
  return (await readEntries(folder)).some((entry) => entry.kind === 'picture');
}

/** Folders with pictures of their own, and folders with nothing, which are classes without pictures. */
async function collectLeaves(
  folder: string,
  leaves: ClassFolder[],
  above: ReadonlySet<string>,
): Promise<void> {
  const real = await realpath(folder);
  if (above.has(real) || above.size > MAX_DEPTH) return; // a link back to a folder that contains it
  const entries = await readEntries(folder);
  const files = entries
    .filter((entry) => entry.kind === 'picture')
    .map((entry) => path.join(folder, entry.name));
  const folders = entries.filter((entry) => entry.kind === 'folder');
  if (files.length > 0 || folders.length === 0) leaves.push({ name: path.basename(folder), files });
  for (const { name } of folders)
    await collectLeaves(path.join(folder, name), leaves, new Set([...above, real]));
}

/** @throws AppError DATASET_INVALID for a class without pictures */
function classNames(root: string, folders: readonly ClassFolder[]): readonly string[] {
  const names = [...new Set(folders.map((folder) => folder.name))].sort(byCodePoint);
  const empty = names.filter((name) => !folders.some((f) => f.name === name && f.files.length > 0));
  if (empty.length > 0) {
    const what = empty.length > 1 ? 'class folders' : 'class folder';
    throw invalid(
      root,
      `has ${empty.length > 1 ? '' : 'a '}${what} without pictures, ${list(empty)}`,
      `add pictures, or remove ${empty.length > 1 ? 'them' : quoted(empty[0]!)}`,
    );
  }
  return names;
}

function samplesOf(base: string, folders: readonly ClassFolder[], classes: readonly string[]): Sample[] {
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const samples = folders.flatMap(({ name, files }) =>
    files.map((file): Sample => ({
      file: path.relative(base, file).replaceAll(path.sep, '/'),
      path: file,
      labels: [numbers.get(name)!],
    })),
  );
  return samples.sort((a, b) => byCodePoint(a.file, b.file));
}
