// scan-stored.ts: archives (.tar), tables (.parquet) and buckets -> the pictures in them, and those of a dataset. Opens no picture. What an archive
// says of its pictures (.cls, .json, a column) are the classes; where it says nothing, folders mean what they mean on the disk.

import { joinedTo } from '../objects/address.ts';
import type { ImageReference } from '../images/source.ts';
import { tableRows } from '../images/table-pictures.ts';
import { classFolderInside, tarPictures } from '../images/tar-pictures.ts';
import { AppError } from '../util/errors.ts';
import { bucketContents, type Archive } from './archives.ts';
import { invalid, type Dataset, type Sample } from './dataset.ts';
import { layoutOf, type Layout, type Part } from './layout.ts';
import { datasetOf } from './scan-folders.ts';
import type { SplitName } from './split-names.ts';
import type { FoundPicture, StoredPicture } from './stored.ts';
import { treeOf } from './tree.ts';

/** What archives or a bucket hold, before it is known what it is for. */
export interface StoredPictures {
  readonly root: string;
  readonly pictures: readonly FoundPicture[];
  /** Whether archives say what their pictures are; else their folders do. */
  readonly isLabelled: boolean;
  readonly remarks: readonly string[];
}

interface ArchiveOptions {
  /** Tables without a column of classes are no problem. */
  readonly mayLackClasses?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws AppError FILE_INVALID, INTERRUPTED, DOWNLOAD_FAILED */
export async function picturesInArchives(
  root: string,
  archives: readonly Archive[],
  { mayLackClasses = false, signal }: ArchiveOptions,
): Promise<StoredPictures> {
  const found = new Map<string, FoundPicture>();
  let replaced = 0;
  let isLabelled = false;
  for (const archive of archives) {
    const isTable = isTableName(archive.where);
    const references = isTable ? tableRows(archive.where, { mayLackClasses, signal }) : tarPictures(archive.where, signal); // prettier-ignore
    for await (const reference of references) {
      throwIfAway(reference);
      const picture = foundIn(archive, reference, archives.length > 1);
      const { file, className } = picture;
      // Where every label is the name of the folder, there are no labels but folders.
      const saysClass = isTable || (className !== undefined && className !== classFolderInside(reference.file.slice(archive.where.length))); // prettier-ignore
      isLabelled ||= saysClass;
      // An archive that was appended to may have a name again: the later picture is what unpacking it leaves, beside the label of the former.
      const former = found.get(file);
      if (found.delete(file)) replaced += 1;
      found.set(file, former?.className !== undefined && !saysClass ? { ...picture, className: former.className } : picture); // prettier-ignore
    }
    throwIfEnded(signal);
  }
  const remarks = leftOut(replaced, 'of names that the archive has again: the last of each counts');
  return { root, pictures: [...found.values()], isLabelled, remarks };
}

/** What a bucket has under a prefix, or in its archives there. @throws AppError DATASET_INVALID, FILE_INVALID, INTERRUPTED, DOWNLOAD_FAILED */
export async function picturesInBucket(root: string, options: ArchiveOptions): Promise<StoredPictures> {
  const { signal } = options;
  try {
    const content = await bucketContents(root, signal);
    if ('pictures' in content) return { root, pictures: content.pictures, isLabelled: false, remarks: [] };
    if (content.archives.length > 0) return await picturesInArchives(root, content.archives, options);
  } catch (error) {
    throwIfEnded(signal);
    throw error;
  }
  throw invalid(root, 'has no pictures, and no .tar or .parquet', 'check the prefix');
}

/** @throws AppError DATASET_INVALID */
export function storedDataset({ root, pictures, isLabelled, remarks }: StoredPictures): Dataset {
  const dataset = isLabelled ? labelled(root, pictures) : inFolders(root, pictures);
  return { ...dataset, remarks: [...dataset.remarks, ...remarks] };
}

/** A bucket that does not answer, or an archive that was replaced meanwhile, is no picture that cannot be read: what comes behind is unknown. */
function throwIfAway({ content }: ImageReference): void {
  if (!('error' in content)) return;
  if (['DOWNLOAD_FAILED', 'INPUT_CHANGED'].includes(content.error.code)) throw content.error;
}

function throwIfEnded(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the dataset was looked through');
}

const isTableName = (name: string) => /\.parquet$/i.test(name);

/** @param isOneOfMany whether names begin with that of the archive */
function foundIn(
  { where, name, split }: Archive,
  reference: ImageReference,
  isOneOfMany: boolean,
): FoundPicture {
  const { file, content, className, row } = reference;
  const inside = file.slice(where.length + 1);
  return {
    file: isOneOfMany || inside === '' ? [name, inside].filter(Boolean).join('/') : inside,
    folders: [...(split === undefined ? [] : [split]), ...inside.split('/').slice(0, -1)],
    stored: storedAs(content, row),
    ...(split !== undefined && { split }),
    ...(className !== undefined && { className }),
  };
}

function storedAs(content: ImageReference['content'], row: ImageReference['row']): StoredPicture {
  if ('error' in content) return { problem: { code: content.error.code, message: content.error.message } };
  if (row) return { row };
  if ('object' in content) return { object: content.object };
  if ('path' in content && content.part) return { file: content.path as string, part: content.part };
  throw new TypeError('an archive has parts and rows alone');
}

/** The dataset of pictures whose folders say what they are. @throws AppError DATASET_INVALID */
function inFolders(root: string, found: readonly FoundPicture[]): Dataset {
  const { good, bad } = byWhetherRead(found);
  // In a tree, a picture's name is its number: names in several archives may be the same.
  const layout = layoutOf(treeOf(root, good.map(({ folders }, i) => ({ folders, name: `${i}` })))); // prettier-ignore
  if ('problem' in layout) throw invalid(layout.folder, layout.problem, layout.next);
  const { remarks } = layout;
  return withUnread(datasetOf(root, layout, { remarks, sample: sampleOf(root, good), isSorted: true }), bad, root); // prettier-ignore
}

/** The dataset of pictures of which archives say what they are. @throws AppError DATASET_INVALID */
function labelled(root: string, found: readonly FoundPicture[]): Dataset {
  const { good, bad } = byWhetherRead(found);
  const named = SPLITS.filter((wanted) => good.some(({ split }) => split === wanted));
  const splits = named.length > 0 ? named : [undefined];
  const parts = splits.flatMap((split) => partOf(split, good) ?? []);
  if (parts.length === 0) throw withoutClass(root, good.length);
  const remarks = [
    ...leftOut(good.filter(({ className = '' }) => className === '').length, 'without a class'),
    ...leftOut(named.length > 0 ? good.filter(({ split }) => split === undefined).length : 0, 'in archives that are no part'), // prettier-ignore
  ];
  const layout: Layout = { base: root, parts, remarks };
  return withUnread(datasetOf(root, layout, { remarks, sample: sampleOf(root, good), isSorted: false }), bad, root); // prettier-ignore
}

const SPLITS = ['train', 'val', 'test'] as const;

export const withoutClass = (root: string, count: number) =>
  invalid(root, `has ${count} pictures, and none has a class`, 'expected .cls or .json beside each picture of a .tar, or a column label in a table'); // prettier-ignore

export const leftOut = (count: number, why: string) =>
  count === 0 ? [] : [`left out: ${count} ${count === 1 ? 'picture' : 'pictures'} ${why}`];

function byWhetherRead(found: readonly FoundPicture[]) {
  const isBad = ({ stored }: FoundPicture) => 'problem' in stored;
  return { good: found.filter((picture) => !isBad(picture)), bad: found.filter(isBad) };
}

/** Undefined for a part without labels, such as the pictures of a competition. */
function partOf(split: SplitName | undefined, found: readonly FoundPicture[]): Part | undefined {
  const classes = new Map<string, string[]>();
  for (const [i, picture] of found.entries()) {
    const { className = '' } = picture;
    if (className === '' || (split !== undefined && picture.split !== split)) continue;
    const name = className.normalize('NFC');
    const files = classes.get(name) ?? [];
    files.push(`${i}`);
    classes.set(name, files);
  }
  if (classes.size === 0) return undefined;
  return { split, name: split ?? '', classes: [...classes].map(([name, files]) => ({ name, files })) };
}

/** A sample by the number that its path in the layout ends in. */
function sampleOf(root: string, found: readonly FoundPicture[]) {
  return (numbered: string, labels: readonly number[]): Sample => {
    const { file, stored } = found[Number(/\d+$/.exec(numbered)![0])]!;
    return { file, path: joinedTo(root, file), labels, stored };
  };
}

/** What cannot be read stays in its part, without a class, so that it is told with the others that cannot be read. */
function withUnread(dataset: Dataset, bad: readonly FoundPicture[], root: string): Dataset {
  const grown = { train: [...dataset.train], val: [...(dataset.val ?? [])], test: [...(dataset.test ?? [])] };
  for (const { file, stored, split = 'train' } of bad) {
    const part = split === (dataset.judge ?? 'val') ? 'val' : split;
    grown[dataset[part] ? part : 'train'].push({ file, path: joinedTo(root, file), labels: [], stored });
  }
  const { train, val, test } = grown;
  return { ...dataset, train, ...(dataset.val && { val }), ...(dataset.test && { test }) };
}
