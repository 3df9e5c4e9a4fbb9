// folder.ts: lists a folder. It opens only files whose names do not show what they are.

import { opendir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileKind, type FileKind } from './passed-over.ts';
import { isSystemFolder } from './system-folders.ts';

/** An entry of a folder; hidden files are left out. */
export interface FolderEntry {
  readonly name: string;
  /** `system`: a folder that does not belong to the user and is not searched. */
  readonly kind: FileKind | 'folder' | 'system';
  readonly isLink: boolean;
  /** The bytes of a name that is not UTF-8; `name` shows the readable part. */
  readonly bytes?: Buffer;
}

/** Entries sorted by name. A link counts as its target. @throws the file system's errors */
export async function folderEntries(folder: string): Promise<readonly FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
    const { name } = entry;
    if (name.startsWith('.')) continue;
    const isLink = entry.isSymbolicLink();
    const opens = entry.isDirectory() || (isLink && (await leadsToFolder(path.join(folder, name))));
    const kind = opens ? (isSystemFolder(name) ? 'system' : 'folder') : await fileKind(path.join(folder, name)); // prettier-ignore
    entries.push({ name, kind, isLink });
  }
  const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted.some(({ name }) => name.includes(REPLACED)) ? withBytes(folder, sorted) : sorted;
}

/** This character stands for the bytes of a name that are not UTF-8. */
const REPLACED = '\ufffd';

async function withBytes(folder: string, entries: readonly FolderEntry[]): Promise<readonly FolderEntry[]> {
  const names = new Map<string, Buffer[]>();
  for (const bytes of await readdir(folder, { encoding: 'buffer' })) {
    const name = bytes.toString('utf8');
    if (!Buffer.from(name).equals(bytes)) names.set(name, [...(names.get(name) ?? []), bytes]);
  }
  return entries.map((entry) => {
    const bytes = names.get(entry.name)?.pop();
    return bytes ? { ...entry, bytes } : entry;
  });
}

function leadsToFolder(link: string): Promise<boolean> {
  return stat(link).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
