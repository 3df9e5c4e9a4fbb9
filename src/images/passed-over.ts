// passed-over.ts: decides which files of a folder are pictures, by their endings or, where these say nothing, by their first
// bytes. It counts the others, so that none is left out silently.

import path from 'node:path';
import { openRegularFile } from '../util/files.ts';
import { foreignKind, HEAD_BYTES, kindOf } from './files/kinds.ts';

/** File endings that are read. A file that the user names is always tried. */
export const IMAGE_EXTENSIONS = [
  '.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.avif', '.tif', '.tiff', '.gif', '.svg',
  '.bmp', '.dib', '.ppm', '.pgm', '.pbm', '.pnm',
] as const; // prettier-ignore

/** Endings of pictures that finch does not read. */
const UNREAD = new Set([
  '.heic', '.heif', '.jp2', '.j2k', '.jpx', '.jxl', '.jxr', '.psd', '.exr', '.hdr', '.tga', '.ico', '.pcx',
  '.cr2', '.cr3', '.nef', '.arw', '.dng', '.raf', '.orf', '.rw2', '.raw', '.dcm', '.fits', '.pfm', '.pam', '.eps', '.ai',
  '.srw', '.pef', '.3fr', '.nrw', '.x3f', '.dds', '.qoi', '.icns', '.sgi',
]); // prettier-ignore

const HEIC = new Set(['.heic', '.heif']);

/** Endings of files that often lie beside pictures: these files are not even opened. */
const OTHER = new Set([
  '.txt', '.csv', '.tsv', '.json', '.jsonl', '.ndjson', '.xml', '.html', '.htm', '.md', '.rst', '.yaml', '.yml', '.toml',
  '.ini', '.cfg', '.log', '.py', '.ipynb', '.js', '.ts', '.sh', '.bat', '.c', '.cpp', '.h', '.java', '.m', '.r', '.css',
  '.pdf', '.doc', '.docx', '.xls', '.xlsx', '.ppt', '.pptx', '.rtf', '.tex', '.bib',
  '.zip', '.gz', '.tgz', '.tar', '.bz2', '.xz', '.7z', '.rar', '.npy', '.npz', '.mat', '.h5', '.hdf5', '.pkl', '.pt', '.pth',
  '.onnx', '.safetensors', '.bin', '.parquet', '.db', '.sqlite', '.lmdb', '.tfrecord', '.rec', '.idx', '.lst',
  '.mp4', '.mov', '.avi', '.mkv', '.webm', '.mp3', '.wav', '.flac', '.ogg', '.aae', '.xmp', '.thm', '.lnk', '.url', '.exe',
]); // prettier-ignore

/** `unread`: a picture of a kind that is not read. */
export type FileKind = 'picture' | 'unread' | 'other';

/** @param bytes the path as bytes, where it is not UTF-8 */
export async function fileKind(file: string, bytes?: Buffer): Promise<FileKind> {
  const ending = path.extname(file).toLowerCase();
  if (IMAGE_EXTENSIONS.some((known) => known === ending)) return 'picture';
  // Telephones and programs rename JPEG files to .heic without converting them.
  const isRenamed = HEIC.has(ending) && (await kindByContent(bytes ?? file)) === 'picture';
  if (UNREAD.has(ending)) return isRenamed ? 'picture' : 'unread';
  return OTHER.has(ending) ? 'other' : kindByContent(bytes ?? file);
}

/** What a name inside an archive says; what has no ending is no picture there. */
export function kindByName(name: string): FileKind {
  const ending = path.extname(name).toLowerCase();
  if (IMAGE_EXTENSIONS.some((known) => known === ending)) return 'picture';
  return UNREAD.has(ending) ? 'unread' : 'other';
}

/** A path that cannot be opened, or is no regular file, is not a picture. */
async function kindByContent(file: string | Buffer): Promise<FileKind> {
  try {
    const { handle } = await openRegularFile(file);
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0).finally(() => handle.close());
    const bytes = head.subarray(0, bytesRead);
    const kind = kindOf(bytes);
    if (kind !== undefined && kind !== 'svgz') return 'picture';
    return /HEI[CF]|JPEG 2000|JPEG XL/.test(foreignKind(bytes)) ? 'unread' : 'other';
  } catch {
    return 'other';
  }
}

/** How many files were passed over, by kind and ending. */
export interface PassedOver {
  add(name: string, kind: FileKind): void;
  /** A line for people about each kind. */
  lines(): readonly string[];
}

/** Files that systems make, not people: they need no remark. */
const SYSTEM_FILES = new Set(['thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r']);

/** If there are more endings than this, the rest are summed up. */
const SHOWN_ENDINGS = 5;

export function passedOver(): PassedOver {
  const counts = { other: new Map<string, number>(), unread: new Map<string, number>() };
  return {
    add(name, kind) {
      if (kind === 'picture' || SYSTEM_FILES.has(name.toLowerCase())) return;
      const ending = endingOf(name);
      counts[kind].set(ending, (counts[kind].get(ending) ?? 0) + 1);
    },
    lines: () => [
      ...lineOf(counts.other, 'file that is no picture', 'files that are no pictures', ''),
      ...lineOf(counts.unread, 'picture of a kind that is not read', 'pictures of kinds that are not read', '; convert them to JPEG or PNG'), // prettier-ignore
    ],
  };
}

/** The ending in lower case. An ending that is too long or has blanks counts as part of the name. */
function endingOf(name: string): string {
  const ending = path.extname(name).toLowerCase();
  return /^\.[\w-]{1,12}$/.test(ending) ? ending : 'no ending';
}

function lineOf(
  counts: ReadonlyMap<string, number>,
  one: string,
  many: string,
  advice: string,
): readonly string[] {
  if (counts.size === 0) return [];
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  const shown = sorted.slice(0, SHOWN_ENDINGS).map(([ending, count]) => `${ending} ${count}`);
  const more = sorted.length > SHOWN_ENDINGS ? ', …' : '';
  return [`passed over: ${total} ${total === 1 ? one : many} (${shown.join(', ')}${more})${advice}`];
}
