// layout.ts: decides which folders of a dataset are its parts, and which are its classes. This is the only place for that:
// scan-folders makes samples from the result, and inspect counts by it. It knows only names.
//
// A folder that stands for a part (train/, val_set/) is preferred to its siblings, which are left out and named. If there is
// none and a folder of the first level has pictures of its own, the folders of that level are the classes, and all below belongs
// to them (torchvision's ImageFolder). If none has, the folders that have pictures are the classes; equal names are one class.

import path from 'node:path';
import { quoted } from '../util/quoted.ts';
import {
  BOXES,
  classFolders,
  leftOut,
  partsBelow,
  withoutClasses,
  withoutOutputs,
  type ClassFolder,
  type ClassFolders,
  type Refusal,
} from './class-folders.ts';
import { list } from './dataset.ts';
import { isTrainval, type SplitName } from './split-names.ts';
import type { Folder } from './tree.ts';

export interface Part {
  /** Undefined in a dataset that is not divided. */
  readonly split: SplitName | undefined;
  /** The folder's name; empty in a dataset that is not divided. */
  readonly name: string;
  readonly classes: readonly ClassFolder[];
}

export interface Layout {
  /** The folder that file names are relative to. */
  readonly base: string;
  /** Train first, then val and test, if they exist. */
  readonly parts: readonly Part[];
  /** Remarks about what was left out, and others. */
  readonly remarks: readonly string[];
}

/** What the folders mean, or why this cannot be decided. */
export function layoutOf(root: Folder): Layout | Refusal {
  const system = systemFolders(root);
  const folders = `${system.length} ${system.length === 1 ? 'folder' : 'folders'}`;
  return decide(root, system.length > 0 ? [`left out: ${folders} that a system or tool keeps for itself, ${list([...new Set(system)])}`] : []); // prettier-ignore
}

function systemFolders({ system, folders }: Folder): readonly string[] {
  return [...system, ...folders.flatMap(systemFolders)];
}

/** @param remarks about the folders that were passed on the way to this one */
function decide(base: Folder, remarks: readonly string[]): Layout | Refusal {
  const splits = base.folders.filter(({ split, count }) => split !== undefined && count > 0);
  // A part that contains parts is a dataset's folder, whatever its name.
  const divided = splits.filter((folder) => isDivided(folder) && foldersWithParts(folder).length === 0);
  if (divided.length > 0) return dividedLayout(base, divided, remarks);
  const plain = withoutOutputs(base.folders).filter(({ count }) => count > 0);
  const flat = flatSplits(
    base,
    splits.filter((folder) => !isDivided(folder)),
    plain,
  );
  if (flat) return flat;
  const holders = plain.flatMap(foldersWithParts);
  const [holder] = holders;
  if (holder && plain.length > 1 && (holders.length > 1 || !holder.folders.some(isDivided))) {
    return holdersRefused(base, holders);
  }
  const only = holders.length === 1 ? holder : plain.length === 1 && hasClassFolders(plain[0]!) ? plain[0] : undefined; // prettier-ignore
  if (only) {
    const isBeside = (folder: Folder) => folder !== only && !only.path.startsWith(folder.path + path.sep);
    return decide(only, [...remarks, ...leftOut(base, base.folders.filter(isBeside))]);
  }
  const found = classFolders(base);
  if ('problem' in found) return found;
  return {
    base: base.path,
    parts: [{ split: undefined, name: '', classes: found.classes }],
    remarks: [
      ...remarks,
      ...found.remarks,
      ...(splits.length > 0 ? [`${list(splits.map(({ name }) => name))} is taken for a class`] : []),
    ],
  };
}

/** Whether a folder has subfolders with pictures, but no pictures of its own. */
function hasClassFolders({ pictures, folders }: Folder): boolean {
  return folders.some(({ count }) => count > 0) && pictures.length === 0;
}

/** Whether a folder with a part's name is a part. Pictures that lie directly in it, beside its class folders, are left out. */
function isDivided({ split, pictures, folders }: Folder): boolean {
  const classes = folders.filter(({ count }) => count > 0).length;
  return split !== undefined && classes > (pictures.length > 0 ? 1 : 0);
}

function dividedLayout(
  base: Folder,
  divided: readonly Folder[],
  before: readonly string[],
): Layout | Refusal {
  const standing = (wanted: SplitName) => divided.filter(({ split }) => split === wanted);
  const trains = standing('train');
  const train = trains.length > 1 ? trains.filter(({ name }) => !isTrainval(name)) : trains;
  const remarks = [...before];
  const parts: Part[] = [];
  for (const [split, folders] of [
    ['train', train],
    ['val', standing('val')],
    ['test', standing('test')],
  ] as const) {
    if (folders.length > 1) {
      const names = list(folders.map(({ name }) => name));
      return { folder: base.path, problem: `has ${names}, which all stand for ${split}`, next: 'leave one of them, and move the others away' }; // prettier-ignore
    }
    const [folder] = folders;
    if (!folder) continue;
    const found = classFolders(unwrapped(folder));
    if ('problem' in found && split === 'train') return found;
    if ('problem' in found || (split === 'test' && isUnlabelled(found, parts))) continue;
    remarks.push(...found.remarks);
    parts.push({ split, name: folder.name, classes: found.classes });
  }
  const taken = new Set(parts.map(({ name }) => name));
  const others = base.folders.filter(({ name }) => !taken.has(name));
  const besides = others.filter(({ pictures }) => pictures.length > 0).map(({ name }) => name);
  const flat = others.find(({ split, count }) => split === 'train' && count > 0);
  if (train.length === 0 && flat) return isDivided(flat) ? partsBelow(base, list([flat.name])) : withoutClasses(flat); // prettier-ignore
  if (train.length === 0 && besides.length > 0) {
    const names = list(divided.map(({ name }) => name));
    return { folder: base.path, problem: `has ${names} beside ${list(besides)}, and no train/`, next: 'move the folders to learn from into train/' }; // prettier-ignore
  }
  remarks.push(...leftOut(base, others));
  return { base: base.path, parts, remarks };
}

/** Pictures without labels, which are only to be classified, are often in one folder that is not one of the classes. */
function isUnlabelled({ classes }: ClassFolders, [train]: readonly Part[]): boolean {
  const names = new Set(classes.map(({ name }) => name));
  return train?.split === 'train' && names.size === 1 && !train.classes.some(({ name }) => names.has(name));
}

/** Folders with a part's name that have pictures but no classes: parts without labels, or classes with such a name. */
function flatSplits(base: Folder, splits: readonly Folder[], plain: readonly Folder[]): Refusal | undefined {
  const [first] = splits;
  if (!first) return undefined;
  const kinds = new Set(splits.map(({ split }) => split));
  const others = plain.filter((folder) => !splits.includes(folder));
  // "train" may be a class, for example of vehicles: bus/, car/ and train/.
  const isClass =
    kinds.size === 1 && kinds.has('train') && others.every(({ pictures }) => pictures.length > 0);
  if (others.length > 0 && isClass) return undefined;
  if (others.length > 0 && kinds.size === 1 && !kinds.has('train')) {
    return {
      folder: base.path,
      problem: `has "${first.name}" without classes beside ${list(others.map(({ name }) => name))}`,
      next: 'move the class folders into train/, or rename it if it is a class',
    };
  }
  const isBoxes = path.basename(base.path) === 'images';
  const isMixed = others.some(({ pictures }) => pictures.length > 0);
  const rename = isMixed ? `; rename ${list(splits.map(({ name }) => name))} if they are classes` : '';
  const hint = isBoxes ? BOXES : rename;
  const wanted = splits.find(({ split }) => split === 'train') ?? first;
  return withoutClasses(wanted, hint);
}

/** The outermost folders, this one or folders below it, that contain a dataset's parts. */
function foldersWithParts(folder: Folder): readonly Folder[] {
  const splits = folder.folders.filter(({ split, count }) => split !== undefined && count > 0);
  const kinds = new Set(splits.map(({ split }) => split));
  // Archives often contain train/train/.
  const isAgain = folder.split !== undefined;
  if (kinds.size > 1 || (!isAgain && kinds.has('train') && splits.some(isDivided))) return [folder];
  return folder.folders.flatMap(foldersWithParts);
}

function holdersRefused(base: Folder, holders: readonly Folder[]): Refusal {
  const names = list(holders.map((holder) => path.relative(path.dirname(base.path), holder.path).replaceAll(path.sep, '/'))); // prettier-ignore
  if (holders.some(({ folders }) => folders.some(isDivided))) {
    return { folder: base.path, problem: `has several datasets with parts of their own, ${names}`, next: `name one of them, such as ${quoted(holders[0]!.path, 100)}` }; // prettier-ignore
  }
  return partsBelow(base, names);
}

/** Goes down while a folder has no pictures and only one folder, which has class folders: archives often unpack like this. */
function unwrapped(folder: Folder): Folder {
  const [only, ...more] = folder.folders.filter(({ count }) => count > 0);
  return only && more.length === 0 && folder.pictures.length === 0 && hasClassFolders(only) ? unwrapped(only) : folder; // prettier-ignore
}
