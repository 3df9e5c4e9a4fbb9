// thumbnails.ts: small pictures for HTML pages, as data URIs.

import path from 'node:path';
import { decodeImage, encodeThumbnail } from '../images/decode.ts';
import { readPicture } from '../images/prepare.ts';

/** Longest side, in pixels: sharp at twice the size it is drawn at. */
const SIDE = 320;

/**
 * @param besides a folder to look in when the path leads nowhere from here: a manifest's paths are from where it was made
 * @returns undefined when there is no such picture any more
 */
export async function thumbnailOf(file: string, besides?: string): Promise<string | undefined> {
  for (const candidate of besides === undefined ? [file] : [file, path.join(besides, file)]) {
    try {
      const { jpeg } = await encodeThumbnail(await decodeImage(await readPicture(candidate)), SIDE);
      return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    } catch {
      // The place says that it is missing.
    }
  }
  return undefined;
}
