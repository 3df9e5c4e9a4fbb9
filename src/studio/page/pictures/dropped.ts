// dropped.ts: the pictures among files and folders that were dropped or chosen. Folders are walked through to their ends.

import type { Upload } from './upload-queue.ts';

const PICTURE_NAME = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|heif|svg|jfif)$/i;

export interface Dropped {
  readonly file: File;
  /** The name of the folder that it lies in; undefined for files that were dropped by themselves. */
  readonly folder: string | undefined;
}

/** Whether pictures from outside of the page are dragged over it. */
export const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;

/** Reads the event at once: afterwards the browser has emptied it. */
export async function droppedPictures(event: DragEvent): Promise<readonly Dropped[]> {
  const items = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: Dropped[] = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, folder: undefined });
    else if (entry !== null) await walk(entry, undefined, found);
  }
  return found.filter(({ file }) => isPicture(file));
}

async function walk(entry: FileSystemEntry, folder: string | undefined, found: Dropped[]): Promise<void> {
  if (entry.name.startsWith('.')) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    found.push({ file, folder });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives a hundred at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (entries.length === 0) return;
    for (const each of entries) await walk(each, entry.name, found);
  }
}

/** What an input of files, or of a folder, holds. */
export function chosenPictures(files: FileList | null): readonly Dropped[] {
  return [...(files ?? [])]
    .filter((file) => isPicture(file) && !/(^|\/)\./.test(file.webkitRelativePath))
    .map((file) => ({ file, folder: file.webkitRelativePath.split('/').at(-2) }));
}

const isPicture = (file: File) => file.type.startsWith('image/') || PICTURE_NAME.test(file.name);

/** @param classOf the class of a picture that lies in this folder */
export const asUploads = (
  dropped: readonly Dropped[],
  classOf: (folder: string | undefined) => string | undefined,
): readonly Upload[] =>
  dropped.map(({ file, folder }) => ({ name: file.name, bytes: file, className: classOf(folder) }));
