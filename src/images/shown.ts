// shown.ts: a picture file -> a small webp for people to look at, whatever the file is: it is decoded and encoded again.

import { decodeResized } from './decode.ts';
import { explain } from './files/explain.ts';
import { readJpeg } from './files/jpeg.ts';
import { kindOf } from './files/kinds.ts';
import { DEFAULT_MAX_PIXELS, OPENERS } from './opened.ts';
import { withPictureMemory } from './picture-memory.ts';
import { within } from './resize.ts';
import { loadSharp } from './sharp.ts';
import { STRIPS_BYTES } from './strips.ts';

/** For comparison: the largest pictures take a few seconds. */
const LIMIT_SECONDS = 30;
const QUALITY = 80;

/** @param side the longest side at most, in pixels. @throws AppError as `decodeImage` does */
export async function shownWebp(bytes: Buffer, side: number): Promise<Buffer> {
  const kind = kindOf(bytes);
  const isPlain = kind === 'jpeg' && readJpeg(bytes)?.components !== 4;
  return isPlain ? shrunkJpeg(bytes, side) : redrawn(bytes, side);
}

/** The decoder makes a JPEG small while it decodes it, several times as fast. */
async function shrunkJpeg(bytes: Buffer, side: number): Promise<Buffer> {
  try {
    const { memory, strips } = await OPENERS.jpeg(bytes, { ignoreExif: false, maxPixels: DEFAULT_MAX_PIXELS, onWhite: true }); // prettier-ignore
    const sharp = await loadSharp();
    const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: DEFAULT_MAX_PIXELS, failOn: 'error' });
    return await withPictureMemory(
      // As in strips, the decoder holds a few rows.
      strips ? STRIPS_BYTES : memory,
      () =>
        image
          .timeout({ seconds: LIMIT_SECONDS })
          .autoOrient()
          .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
          .webp({ quality: QUALITY })
          .toBuffer(),
      { share: memory },
    );
  } catch (error) {
    throw explain(error, bytes, 'jpeg', DEFAULT_MAX_PIXELS);
  }
}

async function redrawn(bytes: Buffer, side: number): Promise<Buffer> {
  const { resized } = await decodeResized(bytes, { onWhite: true }, (source) => {
    const size = within(source, side);
    return [{ size, crop: { left: 0, top: 0, ...size }, interpolation: 'bicubic' }];
  });
  const { data, width, height } = resized[0]!;
  const sharp = await loadSharp();
  return sharp(Buffer.from(data.buffer, data.byteOffset, data.byteLength), {
    raw: { width, height, channels: 3 },
  })
    .webp({ quality: QUALITY })
    .toBuffer();
}
