// thumbnails.ts: small pictures for HTML pages, as data URIs.

import { decodeImage, encodeThumbnail } from './decode.ts';

/** Longest side, in pixels: sharp at twice the size it is drawn at. */
const SIDE = 320;

/** The bytes of a picture. */
type ReadFile = (file: string) => Promise<Buffer>;

/** @returns undefined when the picture can no longer be read */
async function thumbnailOf(file: string, read: ReadFile): Promise<string | undefined> {
  try {
    const { jpeg } = await encodeThumbnail(await decodeImage(await read(file), { onWhite: true }), SIDE);
    return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
  } catch {
    // The place says that it is missing.
    return undefined;
  }
}

/** Thumbnails by file; pictures that no longer exist have none. */
export async function thumbnailsOf(
  files: Iterable<string>,
  read: ReadFile,
): Promise<ReadonlyMap<string, string>> {
  const thumbnails = new Map<string, string>();
  for (const file of files) {
    const uri = await thumbnailOf(file, read);
    if (uri !== undefined) thumbnails.set(file, uri);
  }
  return thumbnails;
}
