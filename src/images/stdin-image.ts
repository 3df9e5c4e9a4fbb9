// stdin-image.ts: a picture that comes through stdin: whether what comes is one, and all its bytes.

import { AppError } from '../util/errors.ts';

/** It is held whole in memory; larger data is not taken for a picture. */
const MAX_STDIN_IMAGE_BYTES = 1024 ** 3;

/** The bytes, or the problem that there are too many. */
export async function collect(
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): Promise<{ readonly bytes: Buffer } | { readonly error: AppError }> {
  const chunks = [first];
  let length = first.length;
  for await (const chunk of rest) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_STDIN_IMAGE_BYTES) {
      return {
        error: new AppError(
          'IMAGE_TOO_LARGE',
          `the image on stdin has more than ${MAX_STDIN_IMAGE_BYTES} bytes`,
        ),
      };
    }
  }
  return { bytes: Buffer.concat(chunks, length) };
}

/** Magic bytes of the formats that sharp reads. SVG is text, as lists of paths are; it is recognised by its first tag. */
export function looksLikeImage(head: Buffer): boolean {
  const text = head.subarray(0, 256).toString('latin1');
  return (
    /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF[^]{4}WEBP|II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]|BM[^]{4}\0\0\0\0)/.test(
      text,
    ) ||
    /^[^]{4}ftyp(avif|avis|mif1|heic)/.test(text) ||
    /^(\uFEFF|\xef\xbb\xbf)?\s*<(\?xml|svg|!--|!DOCTYPE svg)/i.test(text)
  );
}
