// thumbnails.ts: small pictures for HTML pages, as data URIs.

import path from 'node:path';
import { decodeImage, encodeThumbnail } from './decode.ts';
import { readPicture } from './prepare.ts';

/** Longest side, in pixels: sharp at twice the size it is drawn at. */
const SIDE = 320;

/**
 * @param besides a folder to search when the path does not exist from here: a manifest's paths start where it was made
 * @returns undefined when the picture no longer exists
 */
async function thumbnailOf(file: string, besides?: string): Promise<string | undefined> {
  for (const candidate of besides === undefined ? [file] : [file, path.join(besides, file)]) {
    try {
      const { jpeg } = await encodeThumbnail(
        await decodeImage(await readPicture(candidate), { onWhite: true }),
        SIDE,
      );
      return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    } catch {
      // The place says that it is missing.
    }
  }
  return undefined;
}

/** Thumbnails by file; pictures that no longer exist have none. @param besides as in `thumbnailOf` */
export async function thumbnailsOf(
  files: Iterable<string>,
  besides?: string,
): Promise<ReadonlyMap<string, string>> {
  const thumbnails = new Map<string, string>();
  for (const file of files) {
    const uri = await thumbnailOf(file, besides);
    if (uri !== undefined) thumbnails.set(file, uri);
  }
  return thumbnails;
}
