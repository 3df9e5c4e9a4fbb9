// archives.ts: which archives and tables a dataset is made of, and which part each of them is by its name. Opens none of them.

import path from 'node:path';
import { globFiles } from '../images/glob.ts';
import { bucketAddress, joinedTo, parseBucketAddress } from '../objects/address.ts';
import { listObjects } from '../objects/list.ts';
import { placeOf } from '../objects/place.ts';
import { kindByName } from '../images/passed-over.ts';
import { isSystemFolder } from '../images/system-folders.ts';
import { byCodePoint } from '../util/order.ts';
import { splitNamed, splitsNamed, type SplitName } from './split-names.ts';
import type { FoundPicture } from './stored.ts';
import type { Folder } from './tree.ts';

export interface Archive {
  /** A path, or the address of an object. */
  readonly where: string;
  /** Relative to the dataset, with `/`. */
  readonly name: string;
  /** Undefined where its name says none. */
  readonly split: SplitName | undefined;
}

export const isArchiveName = (name: string) => /\.(tar|parquet)$/i.test(name);

/** Archives in the order of their names. @param names relative to `root` */
function archivesOf(root: string, names: readonly string[]): readonly Archive[] {
  const sorted = [...names].sort(byCodePoint);
  const splits = splitsNamed(sorted.map(stemOf));
  return sorted.map((name, i) => ({
    where: joinedTo(root, name),
    name,
    split: splits[i] ?? splitNamed(path.posix.basename(path.posix.dirname(name))),
  }));
}

/** `train-00000-of-00002-a09b74b3ef9c3b56.parquet` is `train`. */
const stemOf = (name: string) =>
  path.posix.basename(name).replace(/\.[^.]+$/, '').replace(/[-_.]?\d+-of-\d+(-[\da-f]{8,})?$/i, ''); // prettier-ignore

/** One archive that was named itself. */
export const singleArchive = (where: string): readonly Archive[] => [{ where, name: path.posix.basename(where.replaceAll(path.sep, '/')), split: undefined }]; // prettier-ignore

/** Those in a folder, at any depth. */
export const archivesIn = (tree: Folder): readonly Archive[] => archivesOf(tree.path, namesIn(tree));

function namesIn({ others, folders }: Folder): readonly string[] {
  const inner = folders.flatMap((folder) => namesIn(folder).map((name) => `${folder.name}/${name}`));
  return [...others.filter(isArchiveName), ...inner];
}

/** Those that a pattern matches. */
export async function archivesMatching(
  pattern: string,
  signal?: AbortSignal,
): Promise<{ readonly root: string; readonly archives: readonly Archive[] }> {
  const { root, files } = await globFiles(pattern, ({ name }) => isArchiveName(name), signal);
  const names = files.map((file) => path.relative(root, file).replaceAll(path.sep, '/'));
  return { root, archives: archivesOf(root, names) };
}

/** What is under a prefix: its pictures, or where there are none its archives. @throws AppError DOWNLOAD_FAILED, USAGE */
export async function bucketContents(
  root: string,
  signal?: AbortSignal,
): Promise<{ readonly archives: readonly Archive[] } | { readonly pictures: readonly FoundPicture[] }> {
  const isNamed = isArchiveName(root) && (await (await placeOf(root)).find(root));
  if (isNamed) return { archives: singleArchive(root) };
  const { bucket, key: prefix } = parseBucketAddress(joinedTo(root, ''));
  const [pictures, names]: [FoundPicture[], string[]] = [[], []];
  for await (const { key, size, etag } of listObjects({ bucket, key: prefix }, { signal })) {
    const file = key.slice(prefix.length);
    const parts = file.split('/');
    // Names that no folder of a disk can have would be taken for others.
    if (parts.some((part) => part === '' || part.startsWith('.') || isSystemFolder(part))) continue;
    const name = parts.pop()!;
    const where = bucketAddress({ bucket, key });
    if (kindByName(name) === 'picture')
      pictures.push({ file, folders: parts, stored: { object: { where, etag, size } } }); // prettier-ignore
    else if (isArchiveName(name)) names.push(file);
  }
  return pictures.length > 0 ? { pictures } : { archives: archivesOf(root, names) };
}
