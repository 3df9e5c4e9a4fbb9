// pictures-by-size.ts: the pictures of a run in other sizes than the one that it is judged by.

import { inSize } from '../../config/preprocessing.ts';
import type { PictureLoader } from '../../dataset/loader.ts';
import { openPictures } from './data.ts';
import type { RunParts } from './stage-one.ts';

export interface PicturesBySize {
  /** @param side of square pictures, in pixels; undefined: as they are judged */
  loaderOf(side: number | undefined): Promise<PictureLoader>;
  close(): Promise<void>;
}

/** Besides the pictures that are judged, those of one size at a time are open. @param asJudged stays the caller's */
export function picturesBySize(
  { config, opened: { model, preprocessing }, divided }: Pick<RunParts, 'config' | 'opened' | 'divided'>,
  asJudged: PictureLoader,
): PicturesBySize {
  let open: { readonly side: number; readonly loader: PictureLoader } | undefined;
  const close = async () => {
    const closing = open;
    open = undefined;
    await closing?.loader.dispose();
  };
  return {
    async loaderOf(side) {
      if (side === undefined || side === preprocessing.size) return asJudged;
      if (open?.side !== side) {
        await close();
        const sized = inSize(preprocessing, side, '--train-size', model.name);
        open = { side, loader: await openPictures(config, sized, divided.train.length) };
      }
      return open.loader;
    },
    close,
  };
}
