// scan.ts: a folder, a csv, archives or a bucket -> the labelled pictures in it, whatever the layout. It opens no picture: an unreadable one is
// found when it is decoded. Classes are in the order of code points, as in torchvision's ImageFolder.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isUrl, shownAddress } from '../images/address.ts';
import { isPattern } from '../images/glob.ts';
import { isBucketAddress } from '../objects/address.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import { isThere, kindOf } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { archivesIn, archivesMatching, isArchiveName, singleArchive } from './archives.ts';
import { isCub, scanCub } from './scan-cub.ts';
import { scanFolders } from './scan-folders.ts';
import { scanManifest } from './scan-manifest.ts';
import { picturesInArchives, picturesInBucket, storedDataset, type StoredPictures } from './scan-stored.ts';
import { readTree } from './tree.ts';
import { invalid, list, type Dataset } from './dataset.ts';

export interface ScanOptions {
  /** `file,label`: the columns of a csv; or the csv itself if the dataset is a folder. */
  readonly manifest?: string;
  /** The folder that a csv's paths are relative to. */
  readonly root?: string;
  /** Nothing is asked of a bucket. */
  readonly offline?: boolean;
  /** Stops the scan. */
  readonly signal?: AbortSignal;
}

/** @throws AppError DATASET_NOT_FOUND, DATASET_INVALID; DOWNLOAD_FAILED for a bucket that cannot be listed */
export async function scanDataset(root: string, options: ScanOptions = {}): Promise<Dataset> {
  const stored = await storedPictures(root, options);
  const dataset = stored ? storedDataset(stored) : await scanDisk(root, options);
  refuseTwins(root, dataset.classes);
  return dataset;
}

interface StoredOptions extends ScanOptions {
  /** Pictures without a class are wanted too. */
  readonly mayLackClasses?: boolean;
}

/** Undefined where `root` is neither archives nor in a bucket. @throws AppError USAGE, DATASET_INVALID, FILE_INVALID, DOWNLOAD_FAILED */
export async function storedPictures(
  root: string,
  { manifest, root: pictures, offline, mayLackClasses, signal }: StoredOptions,
): Promise<StoredPictures | undefined> {
  if (offline && isBucketAddress(root)) throw new AppError('USAGE', `${root} would be fetched, which --offline forbids; leave one of them out`); // prettier-ignore
  if (isUrl(root) && !isBucketAddress(root) && !(await isThere(root))) throw new AppError('DATASET_NOT_FOUND', `${quoted(shownAddress(root))}: datasets are not fetched from addresses; download it and name its folder or archive, or s3://bucket/prefix`); // prettier-ignore
  const archives = isBucketAddress(root) ? undefined : await archivesNamed(root, signal);
  if (!archives && !isBucketAddress(root)) return undefined;
  const flag = manifest === undefined ? (pictures === undefined ? undefined : '--root') : '--manifest';
  if (flag !== undefined) throw new AppError('USAGE', `${flag} belongs to a csv on the disk, and ${root} is none; leave it out`); // prettier-ignore
  return archives ? picturesInArchives(archives.root, archives.archives, { mayLackClasses, signal }) : picturesInBucket(root, { mayLackClasses, signal }); // prettier-ignore
}

/** One that is named, or those that a pattern matches. */
async function archivesNamed(root: string, signal: AbortSignal | undefined) {
  const found = await stat(root).catch(() => undefined);
  if (found) return found.isFile() && isArchiveName(root) ? { root, archives: singleArchive(root) } : undefined; // prettier-ignore
  if (!isPattern(root)) return undefined;
  const matching = await archivesMatching(root, signal);
  return matching.archives.length > 0 ? matching : undefined;
}

/** @throws AppError DATASET_NOT_FOUND, DATASET_INVALID */
async function scanDisk(root: string, { manifest, root: pictures, signal }: ScanOptions): Promise<Dataset> {
  let found;
  try {
    found = await stat(root);
  } catch (error) {
    const problem = openingProblem(
      error,
      isPattern(root) ? 'no .tar and no .parquet matches' : 'no such folder',
    );
    throw new AppError('DATASET_NOT_FOUND', `${root}: ${problem}; check the path (from ${process.cwd()})`, {
      cause: error,
    });
  }
  if (!found.isDirectory() && manifest === undefined && !/\.(csv|tsv|txt)$/i.test(root)) {
    throw invalid(
      root,
      found.isFile() ? 'is a single file' : `is ${kindOf(found)}`,
      'expected a folder of class folders, .tar or .parquet files, or a csv of files and labels',
    );
  }
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
  if (await isCub(root)) return scanCub(root);
  const problems: string[] = [];
  const tree = await readTree(root, problems, signal);
  const archives = archivesIn(tree);
  if (tree.count === 0 && archives.length > 0) return storedDataset(await picturesInArchives(root, archives, { signal })); // prettier-ignore
  try {
    return scanFolders(root, tree, problems);
  } catch (error) {
    if (!(error instanceof AppError) || archives.length === 0) throw error;
    // A repository of tables often has a picture for its own page.
    throw new AppError(error.code, `${error.message}; its ${archives.length === 1 ? 'archive' : `${archives.length} archives`} (${archives[0]!.name}) would be read where no pictures lie beside: name the folder or the files of the archives`); // prettier-ignore
  }
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
  const name = path.basename(path.resolve(root)).replace(/\.(csv|tsv|txt|tar|parquet)$/i, '');
  // A pattern's signs are in no name of a folder.
  return name.replaceAll(/[*?[\]{}!|]+/g, '') || 'dataset';
}
