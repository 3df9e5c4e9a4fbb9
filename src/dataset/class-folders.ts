// class-folders.ts: decides which folders of one level are classes, and what is left out beside them. It knows only names.

import { joinedTo } from '../objects/address.ts';
import { list } from './dataset.ts';
import { splitNamed } from './split-names.ts';
import { picturesIn, type Folder } from './tree.ts';

/** A class's pictures in one folder, before classes have numbers. Folders with the same name are one class. */
export interface ClassFolder {
  /** In Unicode's composed form, so that a name unpacked on a Mac is the same name. */
  readonly name: string;
  /** Paths of the pictures. */
  readonly files: readonly string[];
}

/** Why a folder cannot be used as a labelled dataset, and what to do. */
export interface Refusal {
  readonly folder: string;
  readonly problem: string;
  readonly next: string;
}

const EXPECTED = 'expected a folder for each class, with its pictures in it';

/** The error for YOLO's layout. */
export const BOXES = ' (labels/ with boxes are not read)';

export function withoutClasses({ path, count }: Folder, hint = ''): Refusal {
  const has = count === 0 ? 'has no pictures' : `has ${counted(count)} and no class folders`;
  return { folder: path, problem: has, next: `${EXPECTED}, or a csv of files and labels${hint}` };
}

/** The error for train, val and test inside the classes, or under one folder beside others. */
export function partsBelow({ path: folder }: Folder, names: string): Refusal {
  return { folder, problem: `has train, val or test below its folders ${names}`, next: 'put the parts outside and the classes in them: train/CLASS/…, or rename classes with such names' }; // prettier-ignore
}

export interface ClassFolders {
  readonly classes: readonly ClassFolder[];
  readonly remarks: readonly string[];
}

export function classFolders(base: Folder): ClassFolders | Refusal {
  const folders = withoutOutputs(base.folders);
  if (base.count === base.pictures.length) return withoutClasses(base);
  const isDirect = folders.some(({ pictures }) => pictures.length > 0);
  const kept = isDirect ? folders.filter((folder) => folder.count > 0 || !hasOtherFiles(folder)) : folders.filter(({ count }) => count > 0); // prettier-ignore
  const inner = isDirect ? [] : kept.map(leaves);
  const found = inner.flat();
  // Where every class has its pictures in one more folder, as in cat/images/ and dog/images/, that folder's name says nothing.
  const isWrapped = kept.length > 1 && new Set(found.map(({ name }) => name)).size === 1;
  const isOuter = isDirect || isWrapped;
  const classes = isOuter ? kept.map((folder) => classFolder(folder, picturesIn(folder))) : found;
  const [only, ...more] = new Set(classes.map(({ name }) => name));
  const unsorted =
    only === 'images' && more.length === 0 ? folders.find(({ name }) => name === only) : undefined;
  if (unsorted) return withoutClasses(unsorted, BOXES);
  if (new Set(classes.flatMap(({ name }) => splitNamed(name) ?? [])).size > 1)
    return partsBelow(base, list([base.name]));
  const remarks = leftOut(base, base.folders.filter((folder) => !kept.includes(folder))); // prettier-ignore
  const said = isOuter ? [...spellings(kept), ...(isDirect ? nested(kept) : [])] : merged(kept, inner);
  return { classes, remarks: [...remarks, ...said] };
}

/** Classes beside others that have no picture of their own, as folders that tools make may look. */
function nested(folders: readonly Folder[]): readonly string[] {
  const names = folders
    .filter(({ pictures, count }) => pictures.length === 0 && count > 0)
    .map(({ name }) => name);
  if (names.length === 0) return [];
  return [`${list(names)}: taken for ${names.length === 1 ? 'a class' : 'classes'}, with all pictures in the folders below`]; // prettier-ignore
}

/** Classes that several folders have: pictures of one name may not be of one kind, as in cat/2023/ and dog/2023/. */
function merged(folders: readonly Folder[], inner: readonly (readonly ClassFolder[])[]): readonly string[] {
  const owners = new Map<string, Set<string>>();
  inner.forEach((classes, i) => {
    for (const { name } of classes) owners.set(name, (owners.get(name) ?? new Set()).add(folders[i]!.name));
  });
  const shared = [...owners].filter(([, names]) => names.size > 1);
  if (shared.length === 0) return [];
  const holders = new Set(shared.flatMap(([, names]) => [...names]));
  const [have, are] = shared.length === 1 ? ['has', 'is one class'] : ['have', 'are one class each'];
  return [`${list(shared.map(([name]) => name))} ${have} pictures in several of the folders ${list([...holders])} and ${are}`]; // prettier-ignore
}

/** Folders with pictures of their own, and empty folders, which are classes without pictures. */
function leaves(folder: Folder): readonly ClassFolder[] {
  const { pictures, folders } = folder;
  const own = pictures.map((name) => joinedTo(folder.path, name));
  const isLeaf = own.length > 0 || (folders.length === 0 && !hasOtherFiles(folder));
  return [...(isLeaf ? [classFolder(folder, own)] : []), ...folders.flatMap(leaves)];
}

const classFolder = ({ name }: Folder, files: readonly string[]): ClassFolder => ({
  name: name.normalize('NFC'),
  files,
});

/** Endings of files that are never pictures. A folder with other files may be a class whose pictures finch does not read. */
const OTHER_FILES =
  /\.(txt|md|csv|tsv|json|jsonl|ya?ml|toml|xml|html?|pdf|py|ipynb|js|ts|sh|log|npy|npz|parquet|pth?|ckpt|onnx|h5|keras|tflite|pb|bin|safetensors|pkl|zip|tar|gz|tgz)$/i;

/** Whether a folder without pictures is certainly not a class: its files were never pictures. */
function hasOtherFiles({ others, unread, folders }: Folder): boolean {
  if (unread.length > 0 || (others.length === 0 && folders.length === 0)) return false;
  return others.every((name) => OTHER_FILES.test(name)) && folders.every(hasOtherFiles);
}

/** Files that show that finch itself wrote a folder: a model's or a run's. */
const OUTPUT_FILES = ['model.json', 'metrics.csv', 'summary.json'] as const;

export function withoutOutputs(folders: readonly Folder[]): readonly Folder[] {
  return folders.filter((folder) => !isOutput(folder));
}

function isOutput({ others, folders, pictures }: Folder): boolean {
  if (others.some((name) => OUTPUT_FILES.some((known) => known === name))) return true;
  return pictures.length === 0 && folders.length > 0 && folders.every(isOutput);
}

/** The names of what is left out beside the classes or the parts. */
export function leftOut(base: Folder, folders: readonly Folder[]): readonly string[] {
  const names = folders.map(({ name, count }) => (count > 0 ? `${name} (${counted(count)})` : name));
  const { length } = base.pictures;
  return [
    ...(names.length > 0 ? [`left out in ${base.path}: ${list(names)}`] : []),
    ...(length > 0
      ? [`${counted(length)} beside the class folders ${length === 1 ? 'is' : 'are'} left out`]
      : []),
  ];
}

/** Class folders whose names look alike, such as a copy from a Mac beside one from another system. */
function spellings(folders: readonly Folder[]): readonly string[] {
  const names = folders.map(({ name }) => name.normalize('NFC'));
  const twice = [...new Set(names.filter((name, i) => names.indexOf(name) < i))];
  return twice.length > 0 ? [`${list(twice)}: two spellings of one name in Unicode are one class`] : [];
}

const counted = (count: number) => `${count} picture${count === 1 ? '' : 's'}`;
