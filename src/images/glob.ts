// glob.ts: a pattern on the command line -> the pictures that match it. Reads folder by folder, so that it can be interrupted.

import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import { folderEntries, type FolderEntry } from './folder.ts';
import type { PassedOver } from './passed-over.ts';

/** Signs of a pattern: wildcards, sets, alternatives. Parentheses alone are not a sign: many file names have them. */
const WILD = /[*?]|\[[^\]]+\]|\{[^}]*(?:,|\.\.)[^}]*\}|[?*+@!]\([^)]+\)|\([^)]*\|[^)]*\)/;

export function isPattern(text: string): boolean {
  return WILD.test(text);
}

interface Glob {
  /** The folders that the pattern begins with, before its first wildcard. */
  readonly root: string;
  /** Paths with the same beginning as the pattern, in order. */
  readonly files: readonly string[];
}

/** Only files match. Folders that exist under their whole name are not patterns: `trip (1)/*.jpg`. */
export function globPictures(pattern: string, signal?: AbortSignal, passed?: PassedOver): Promise<Glob> {
  return globFiles(pattern, ({ kind }) => kind === 'picture', signal, passed);
}

/** The same of other files. @param wants which of them */
export async function globFiles(
  pattern: string,
  wants: (entry: FolderEntry) => boolean,
  signal?: AbortSignal,
  passed?: PassedOver,
): Promise<Glob> {
  const { root, rest } = await literalPart(pattern);
  const parts = rest.map((part) => part.replace(/(^|[^?*+@!\\])\(([^)|]*)\)/g, '$1\\($2\\)'));
  const options = { nonegate: true } as const;
  const matches = picomatch(parts.join('/'), options);
  // Alternatives may contain a slash; then a folder cannot be excluded by its name alone.
  const isPlain = !/\{[^}]*\//.test(parts.join('/'));
  const deep = parts.findIndex((part) => part.includes('**'));
  const steps = (isPlain ? parts.slice(0, deep < 0 ? -1 : deep) : []).map((part) => picomatch(part, options));
  const mayEnter = (depth: number, name: string) => {
    const step = steps[depth];
    return step ? step(name) : deep >= 0 || !isPlain;
  };
  const files: string[] = [];
  const linked = new Set<string>();
  const visit = async (relative: string, depth: number): Promise<void> => {
    if (signal?.aborted) return;
    const folder = path.join(root, relative);
    for (const entry of await entriesOf(folder)) {
      const { name, kind, isLink } = entry;
      const inner = relative === '' ? name : `${relative}/${name}`;
      if (wants(entry) && matches(inner)) files.push(root === '.' ? inner : path.join(root, inner));
      if ((kind === 'other' || kind === 'unread') && matches(inner)) passed?.add(name, kind);
      if (kind !== 'folder' || !mayEnter(depth, name)) continue;
      if (isLink && !(await isFirst(path.join(root, inner), linked))) continue;
      await visit(inner, depth + 1);
    }
  };
  await visit('', 0);
  return { root, files: files.sort() };
}

/** Of several links to one folder only the first is followed. A link to a folder above itself is not: it would never end. */
async function isFirst(link: string, linked: Set<string>): Promise<boolean> {
  try {
    const [target, own] = await Promise.all([realpath(link), realpath(path.dirname(link))]);
    if (linked.has(target) || `${own}${path.sep}`.startsWith(target.replace(/[\\/]*$/, path.sep)))
      return false;
    linked.add(target);
    return true;
  } catch {
    return false;
  }
}

/** A folder that cannot be read has no matches. */
function entriesOf(folder: string): Promise<readonly FolderEntry[]> {
  return folderEntries(folder).catch(() => []);
}

async function literalPart(
  pattern: string,
): Promise<{ readonly root: string; readonly rest: readonly string[] }> {
  const parts = pattern.split('/').filter((part, i) => part !== '' || i === 0);
  let root = pattern.startsWith('/') ? '/' : '.';
  let at = pattern.startsWith('/') ? 1 : 0;
  for (; at < parts.length - 1; at++) {
    const next = path.join(root, parts[at]!);
    // Half of {a/b,c} is not a folder's name either.
    if ((isPattern(parts[at]!) || parts[at]!.includes('{')) && !(await isFolder(next))) break;
    root = next;
  }
  return { root, rest: parts.slice(at) };
}

function isFolder(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
