// places.ts: a folder, archives or a bucket -> the pictures there, each with its part and class, for inspect to count; those of a
// folder also if training cannot use them.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageReference } from '../images/source.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { archivesIn } from './archives.ts';
import type { Dataset } from './dataset.ts';
import { fetched, type FetchOptions } from './fetched.ts';
import { scanStored } from './scan.ts';
import { scanArchives } from './scan-stored.ts';
import { isCub, scanCub } from './scan-cub.ts';
import { layoutOf } from './layout.ts';
import { splitNamed } from './split-names.ts';
import { contentOf, fileOf } from './stored.ts';
import { picturesIn, readTree, type Folder } from './tree.ts';

interface Place {
  /** `train`, `val` or `test`; empty where the dataset is not divided. */
  readonly split: string;
  /** Empty for a picture without a class. */
  readonly className: string;
}

export interface PlacedPicture extends Place {
  readonly content: ImageReference['content'];
}

export interface Places {
  /** By path, in the order of names; one of an archive by the archive's path and its name there. */
  readonly pictures: ReadonlyMap<string, PlacedPicture>;
  /** The files that they are in. */
  readonly files: ReadonlySet<string>;
  /** The number of files that are not pictures by their names, by ending. */
  readonly others: ReadonlyMap<string, number>;
  readonly remarks: readonly string[];
}

interface PlacesOptions extends FetchOptions {
  /** Nothing is asked of a bucket. */
  readonly offline?: boolean;
}

/**
 * What lies in a bucket or a table is copied, as `fetched` does.
 * @throws AppError DATASET_NOT_FOUND, DATASET_INVALID, USAGE, DOWNLOAD_FAILED, INTERRUPTED
 */
export async function placesIn(root: string, options: PlacesOptions = {}): Promise<Places> {
  const { signal } = options;
  const stored = await scanStored(root, options);
  if (stored) return storedPlaces(stored, options);
  await checkFolder(root);
  const problems: string[] = [];
  const tree = await readTree(root, problems, signal);
  const archives = archivesIn(tree);
  if (tree.count === 0 && archives.length > 0) return storedPlaces(await scanArchives(root, archives, signal), options); // prettier-ignore
  const { places, remarks } = (await isCub(root)) ? await cubPlaces(root) : folderPlaces(tree);
  const found = picturesIn(tree).flatMap((file) => {
    const place = places.get(file);
    return place ? [[file, { ...place, content: { path: file } }] as const] : [];
  });
  const pictures = new Map(found);
  return {
    pictures,
    files: new Set(pictures.keys()),
    others: otherFiles(tree, new Map()),
    remarks: [...problems, ...remarks],
  };
}

async function checkFolder(folder: string): Promise<void> {
  const problem = await stat(folder).then(
    (found) => (found.isDirectory() ? undefined : 'is no folder'),
    (error: unknown) =>
      systemCode(error) === 'ENOENT' ? 'is not there' : `cannot be read: ${messageOf(error)}`,
  );
  if (problem === undefined) return;
  throw new AppError(
    'DATASET_INVALID',
    `${folder} ${problem}; expected a folder of class folders, train/ and val/ with class folders, or .tar or .parquet files`,
  );
}

async function storedPlaces(dataset: Dataset, options: FetchOptions): Promise<Places> {
  const files = [...dataset.train, ...(dataset.val ?? []), ...(dataset.test ?? [])].flatMap((sample) => fileOf(sample) ?? []); // prettier-ignore
  const { classes, train, val, test = [], judge = 'val', remarks } = await fetched(dataset, options);
  const parts = [['train', train], [judge, val ?? []], ['test', test]] as const; // prettier-ignore
  const pictures = new Map<string, PlacedPicture>();
  for (const [split, samples] of parts) {
    for (const { path: file, labels, stored } of samples) {
      const className = classes[labels[0] ?? -1] ?? '';
      const content = stored && !('row' in stored) ? contentOf(stored) : { path: file };
      pictures.set(file, { split: val ? split : '', className, content });
    }
  }
  return { pictures, files: new Set(files), others: new Map(), remarks };
}

interface Found {
  readonly places: ReadonlyMap<string, Place>;
  readonly remarks: readonly string[];
}

function folderPlaces(tree: Folder): Found {
  const layout = layoutOf(tree);
  if ('problem' in layout) {
    const { folder, problem, next } = layout;
    const places = new Map(picturesIn(tree).map((file) => [file, placeByPath(tree.path, file)]));
    return {
      places,
      remarks: tree.count > 0 ? [`finetune would refuse this: ${folder} ${problem}; ${next}`] : [],
    };
  }
  const places = new Map<string, Place>();
  for (const { split = '', classes } of layout.parts) {
    for (const { name, files } of classes)
      for (const file of files) places.set(file, { split, className: name });
  }
  return { places, remarks: layout.remarks };
}

/** The part and class that a path alone shows, when the folders as a whole show nothing. */
function placeByPath(root: string, file: string): Place {
  const folders = path.relative(root, file).split(path.sep).slice(0, -1);
  const split = splitNamed(folders[0] ?? '') ?? '';
  return { split, className: (split === '' ? folders : folders.slice(1)).join('/') };
}

async function cubPlaces(root: string): Promise<Found> {
  const { classes, train, val = [], remarks } = await scanCub(root);
  const parts = [['train', train], ['val', val]] as const; // prettier-ignore
  const places = new Map<string, Place>();
  for (const [split, samples] of parts) {
    for (const { path: file, labels } of samples) {
      places.set(file, { split: val.length > 0 ? split : '', className: classes[labels[0]!]! });
    }
  }
  return { places, remarks };
}

function otherFiles(folder: Folder, counts: Map<string, number>): ReadonlyMap<string, number> {
  for (const name of [...folder.others, ...folder.unread]) {
    const ending = path.extname(name).toLowerCase() || 'no ending';
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  for (const inner of folder.folders) otherFiles(inner, counts);
  return counts;
}
