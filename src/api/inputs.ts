// inputs.ts: the inputs that a program gives -> references to pictures, one at a time and in order. It opens no picture.

import { fileURLToPath } from 'node:url';
import { pathReferences, type ImageReference } from '../images/source.ts';
import { AppError } from '../util/errors.ts';

/** A picture file, a folder (recursive) or a glob; a `file:` URL of one; or a picture's bytes. */
export type PictureInput = string | URL | Uint8Array;

/** One input, or any number of them, also as an async iterable. */
export type PictureInputs = PictureInput | Iterable<PictureInput> | AsyncIterable<PictureInput>;

/** The internal name of a picture that was given as bytes: no real path is empty. */
const NAMELESS = '';

/** The path of a row, or null where the picture was handed over as bytes. */
export function fileOf(name: string): string | null {
  return name === NAMELESS ? null : name;
}

/** @throws AppError USAGE for what is none of these */
export async function* pictureReferences(
  inputs: PictureInputs,
): AsyncGenerator<ImageReference, void, undefined> {
  for await (const input of isOne(inputs) ? [inputs] : inputs) {
    if (typeof input === 'string') yield* pathReferences(input);
    else if (input instanceof URL) yield* pathReferences(pathOf(input));
    else if (input instanceof Uint8Array) {
      // The bytes are copied, because they go to a worker and the caller may change the original meanwhile.
      yield { file: NAMELESS, content: { bytes: Buffer.from(input) } };
    } else {
      throw new AppError(
        'USAGE',
        `inputs must be paths, file: URLs or Uint8Arrays, received ${input === null ? 'null' : typeof input}`,
      );
    }
  }
}

function isOne(inputs: PictureInputs): inputs is PictureInput {
  return typeof inputs === 'string' || inputs instanceof URL || inputs instanceof Uint8Array;
}

function pathOf(url: URL): string {
  if (url.protocol === 'file:') return fileURLToPath(url);
  throw new AppError('USAGE', `only file: URLs can be read, received ${url.protocol}//…; fetch the picture and hand over its bytes`); // prettier-ignore
}
