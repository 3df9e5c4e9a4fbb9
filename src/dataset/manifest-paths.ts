// manifest-paths.ts: finds the pictures that a csv names: beside it, from the working folder, or below --root; also with the
// other system's slashes, without ending, or in another case. Each folder is listed once; no picture is opened.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { folderEntries } from '../images/folder.ts';
import { invalid, list, quoted } from './dataset.ts';
import { hasImageExtension } from './manifest-columns.ts';

interface Located {
  /** In the order of the names; a missing picture has the path where it was expected. */
  readonly pictures: readonly { readonly file: string; readonly path: string }[];
  /** The working folder, where a picture was found from there. */
  readonly root?: string;
  readonly remarks: readonly string[];
}

/** @throws AppError DATASET_INVALID when no picture exists, or two names mean one file */
export async function locatePictures(csv: string, names: readonly string[], root?: string): Promise<Located> {
  const [beside, here] = [path.dirname(path.resolve(csv)), process.cwd()];
  const listing = folderLists();
  const bases = root === undefined ? [beside, here] : [path.resolve(root), beside];
  const used = new Set<string>();
  const find = async (name: string): Promise<string | undefined> => {
    for (const base of bases) {
      const found = await listing.find(base, name);
      if (found === undefined) continue;
      used.add(base);
      return found;
    }
    return root === undefined ? undefined : findTail(listing, path.resolve(root), name);
  };
  let found = await Promise.all(names.slice(0, 1).map(find));
  const remarks: string[] = [];
  if (found[0] === undefined && root === undefined && names.length > 0) {
    const below = await foldersWith(listing, beside, names[0]!);
    if (below.length === 1) {
      bases.unshift(below[0]!);
      remarks.push(`the pictures of ${path.basename(csv)} are in ${path.basename(below[0]!)}/`);
    }
  }
  found = [];
  for (const name of names) found.push(await find(name));
  const missing = names.filter((_, i) => found[i] === undefined);
  if (missing.length === names.length) {
    const where = root === undefined ? `beside it or in ${here}` : `below ${root}`;
    throw invalid(csv, `names ${names.length} pictures, and none of them, such as ${quoted(names[0]!)}, is ${where}`, 'say where they are with --root DIR'); // prettier-ignore
  }
  if (missing.length > 0) remarks.push(`${missing.length} of ${names.length} pictures are not there: ${list(missing, 3)}`); // prettier-ignore
  refuseShared(csv, names, found);
  const pictures = names.map((name, i) => ({ file: slashed(name, found[i]), path: found[i] ?? path.resolve(beside, name) })); // prettier-ignore
  return {
    pictures,
    ...(root === undefined && beside !== here && used.has(here) && { root: here }),
    remarks,
  };
}

/** The name as in the csv, but with `/` if the csv has the other slash. */
function slashed(name: string, found: string | undefined): string {
  return found !== undefined && !found.includes('\\') ? name.replaceAll('\\', '/') : name;
}

/** The longest end of a path from another machine that exists here. */
async function findTail(listing: FolderLists, root: string, name: string): Promise<string | undefined> {
  const parts = name.split(/[\\/]+/).filter(Boolean);
  for (let skipped = 1; skipped < parts.length; skipped++) {
    const found = await listing.find(root, parts.slice(skipped).join('/'));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Folders beside the csv that contain a picture of that name. */
async function foldersWith(listing: FolderLists, beside: string, name: string): Promise<readonly string[]> {
  const entries = await folderEntries(beside).catch(() => []);
  const folders: string[] = [];
  for (const { name: folder, kind } of entries) {
    const inner = path.join(beside, folder);
    if (kind === 'folder' && (await listing.find(inner, name)) !== undefined) folders.push(inner);
  }
  return folders;
}

function refuseShared(csv: string, names: readonly string[], found: readonly (string | undefined)[]): void {
  const owners = new Map<string, string>();
  found.forEach((file, i) => {
    if (file === undefined) return;
    const other = owners.get(file);
    if (other !== undefined) {
      throw invalid(csv, `names ${quoted(other)} and ${quoted(names[i]!)}, which are one file, ${quoted(file)}`, 'write enough of the path to tell them apart'); // prettier-ignore
    }
    owners.set(file, names[i]!);
  });
}

interface FolderLists {
  /** The picture that a name stands for below `base`. */
  find(base: string, name: string): Promise<string | undefined>;
}

interface Names {
  readonly exact: ReadonlySet<string>;
  /** By name, ignoring case and Unicode's form, and by name without ending; undefined where several files share it. */
  readonly alike: ReadonlyMap<string, string | undefined>;
}

const folded = (name: string) => name.normalize('NFC').toLowerCase();

function folderLists(): FolderLists {
  const lists = new Map<string, Promise<Names>>();
  const listOf = (folder: string) => {
    const known = lists.get(folder) ?? readNames(folder);
    lists.set(folder, known);
    return known;
  };
  const findAs = async (base: string, name: string) => {
    const file = path.resolve(base, name);
    const [folder, leaf] = [path.dirname(file), path.basename(file)];
    const { exact, alike } = await listOf(folder);
    if (exact.has(leaf)) return file;
    const other = alike.get(folded(leaf));
    return other === undefined ? undefined : path.join(folder, other);
  };
  return {
    find: async (base, name) =>
      (await findAs(base, name)) ??
      (name.includes('\\') ? findAs(base, name.replaceAll('\\', '/')) : undefined),
  };
}

async function readNames(folder: string): Promise<Names> {
  const names = await readdir(folder).catch(() => []);
  const alike = new Map<string, string | undefined>();
  const add = (key: string, name: string) =>
    alike.set(key, alike.has(key) && alike.get(key) !== name ? undefined : name);
  for (const name of names) {
    add(folded(name), name);
    if (hasImageExtension(name)) add(folded(path.parse(name).name), name);
  }
  return { exact: new Set(names), alike };
}
