// scan.ts: a folder or a csv -> the labelled pictures in it, whatever the layout. It opens no picture: an unreadable one is
// found when it is decoded. Classes are in the order of code points, as in torchvision's ImageFolder.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, openingProblem } from '../util/errors.ts';
import { kindOf } from '../util/files.ts';
import { isCub, scanCub } from './scan-cub.ts';
import { scanFolders } from './scan-folders.ts';
import { scanManifest } from './scan-manifest.ts';
import { invalid, list, type Dataset } from './dataset.ts';

export interface ScanOptions {
  /** `file,label`: the columns of a csv; or the csv itself if the dataset is a folder. */
  readonly manifest?: string;
  /** The folder that a csv's paths are relative to. */
  readonly root?: string;
  /** Stops the scan. */
  readonly signal?: AbortSignal;
}

/** @throws AppError DATASET_NOT_FOUND, DATASET_INVALID */
export async function scanDataset(
  root: string,
  { manifest, root: pictures, signal }: ScanOptions = {},
): Promise<Dataset> {
  let found;
  try {
    found = await stat(root);
  } catch (error) {
    const problem = openingProblem(error, 'no such folder');
    throw new AppError('DATASET_NOT_FOUND', `${root}: ${problem}; check the path (from ${process.cwd()})`, {
      cause: error,
    });
  }
  if (!found.isDirectory() && manifest === undefined && !/\.(csv|tsv|txt)$/i.test(root)) {
    throw invalid(
      root,
      found.isFile() ? 'is a single file' : `is ${kindOf(found)}`,
      'expected a folder of class folders, or a csv of files and labels',
    );
  }
  const dataset = await (async () => {
    if (manifest !== undefined || !found.isDirectory()) {
      return scanManifest(root, {
        isFolder: found.isDirectory(),
        ...(manifest !== undefined && { manifest }),
        ...(pictures !== undefined && { root: pictures }),
      });
    }
    if (pictures !== undefined) {
      throw new AppError(
        'USAGE',
        `--root is the folder of a csv's pictures, and ${root} is a dataset of folders; leave it out`,
      );
    }
    return (await isCub(root)) ? scanCub(root) : scanFolders(root, signal);
  })();
  refuseTwins(root, dataset.classes);
  return dataset;
}

/** Two classes that differ only by case would be one folder on Windows and macOS, and are usually a mistake. */
function refuseTwins(root: string, classes: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of classes) {
    const folded = name.normalize('NFC').toLowerCase();
    const twin = seen.get(folded);
    if (twin !== undefined) {
      throw invalid(
        root,
        `has two classes that differ only by case, ${list([twin, name])}`,
        'rename or merge one',
      );
    }
    seen.set(folded, name);
  }
}

/** The dataset's name, for run folders and titles. */
export function datasetName(root: string): string {
  return path.basename(path.resolve(root)).replace(/\.(csv|tsv|txt)$/i, '') || 'dataset';
}
