// places.ts: a folder, archives or a bucket -> the pictures there, each with its part and class, for inspect to count, also if training
// cannot use them.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageReference } from '../images/source.ts';
import { joinedTo } from '../objects/address.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { archivesIn } from './archives.ts';
import { fetchedPictures, type FetchOptions } from './fetched.ts';
import { storedPictures } from './scan.ts';
import { leftOut, picturesInArchives, withoutClass, type StoredPictures } from './scan-stored.ts';
import { isCub, scanCub } from './scan-cub.ts';
import { layoutOf } from './layout.ts';
import { splitNamed } from './split-names.ts';
import { contentOf, fileOf, type FoundPicture } from './stored.ts';
import { picturesIn, readTree, treeOf, type Folder } from './tree.ts';

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
  const stored = await storedPictures(root, { ...options, mayLackClasses: true });
  if (stored) return storedPlaces(stored, options);
  await checkFolder(root);
  const problems: string[] = [];
  const tree = await readTree(root, problems, signal);
  const archives = archivesIn(tree);
  if (tree.count === 0 && archives.length > 0) return storedPlaces(await picturesInArchives(root, archives, { mayLackClasses: true, signal }), options); // prettier-ignore
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

async function storedPlaces(stored: StoredPictures, options: FetchOptions): Promise<Places> {
  const { places, remarks } = stored.isLabelled ? labelledPlaces(stored) : foldersInside(stored);
  const wanted = [...places].map(([{ file, stored: at }, place]) => ({ path: joinedTo(stored.root, file), stored: at, place })); // prettier-ignore
  const pictures = new Map<string, PlacedPicture>();
  for (const { path: file, stored: at, place } of await fetchedPictures(wanted, options)) {
    pictures.set(file, { ...place, content: 'row' in at ? { path: file } : contentOf(at) });
  }
  const files = new Set(wanted.flatMap((picture) => fileOf(picture) ?? []));
  return { pictures, files, others: new Map(), remarks: [...remarks, ...stored.remarks] };
}

interface FoundInside {
  readonly places: ReadonlyMap<FoundPicture, Place>;
  readonly remarks: readonly string[];
}

/** Of archives that say what their pictures are. Those that are no part beside others that are one are left out, as in training. */
function labelledPlaces({ root, pictures }: StoredPictures): FoundInside {
  const isDivided = pictures.some((picture) => picture.split !== undefined && !isBad(picture));
  const placed = pictures.filter((picture) => !isDivided || picture.split !== undefined || isBad(picture));
  const places = placed.map((picture) => {
    const { split = '', className = '' } = picture;
    return [picture, { split, className: className.normalize('NFC') }] as const;
  });
  const isNamed = pictures.some(({ className = '' }) => className !== '');
  return {
    places: new Map(places),
    remarks: [
      ...leftOut(pictures.length - placed.length, 'in archives that are no part'),
      ...(isNamed ? [] : [refusedText(withoutClass(root, pictures.length).message)]),
    ],
  };
}

const isBad = ({ stored }: FoundPicture) => 'problem' in stored;

/** Of pictures whose folders say what they are. What cannot be read may be an archive, which lies in no folder. */
function foldersInside({ root, pictures }: StoredPictures): FoundInside {
  const good = pictures.filter((picture) => !isBad(picture));
  // As in training, a picture's name is its number.
  const { places, remarks } = folderPlaces(treeOf(root, good.map(({ folders }, i) => ({ folders, name: `${i}` })))); // prettier-ignore
  const bad = pictures.filter(isBad).map((picture) => [picture, { split: picture.split ?? '', className: '' }] as const); // prettier-ignore
  return {
    places: new Map([...[...places].map(([numbered, place]) => [good[Number(/\d+$/.exec(numbered)![0])]!, place] as const), ...bad]), // prettier-ignore
    remarks,
  };
}

const refusedText = (why: string) => `finetune would refuse this: ${why}`;

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
      remarks: tree.count > 0 ? [refusedText(`${folder} ${problem}; ${next}`)] : [],
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
