// places.ts: a folder -> its pictures, each with its part and class, for inspect to count; also if training cannot use them.

import path from 'node:path';
import { isCub, scanCub } from './scan-cub.ts';
import { layoutOf } from './layout.ts';
import { splitNamed } from './split-names.ts';
import { picturesIn, readTree, type Folder } from './tree.ts';

interface Place {
  /** `train`, `val` or `test`; empty where the dataset is not divided. */
  readonly split: string;
  /** Empty for a picture without a class. */
  readonly className: string;
}

export interface Places {
  /** By path, in the order of names. */
  readonly pictures: ReadonlyMap<string, Place>;
  /** The number of files that are not pictures by their names, by ending. */
  readonly others: ReadonlyMap<string, number>;
  readonly remarks: readonly string[];
}

/** @throws AppError DATASET_NOT_FOUND, DATASET_INVALID, INTERRUPTED */
export async function placesIn(root: string, signal?: AbortSignal): Promise<Places> {
  const problems: string[] = [];
  const tree = await readTree(root, problems, signal);
  const { places, remarks } = (await isCub(root)) ? await cubPlaces(root) : folderPlaces(tree);
  const found = picturesIn(tree).flatMap((file) => {
    const place = places.get(file);
    return place ? [[file, place] as const] : [];
  });
  return {
    pictures: new Map(found),
    others: otherFiles(tree, new Map()),
    remarks: [...problems, ...remarks],
  };
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
