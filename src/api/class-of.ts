// class-of.ts: the class that the place of a picture says it has.

import path from 'node:path';
import type { PictureOrigin } from './embedding.ts';

/**
 * What an archive or a table says; else the folder around the picture, when that lies inside the input. With several inputs, as a shell
 * makes of `birds/*`, each folder that was named is one. Empty where nothing says it.
 */
export function classOf({ file, root, className }: PictureOrigin, inputs: number): string {
  if (className !== undefined) return className;
  if (root === undefined) return '';
  const folder = path.resolve(path.dirname(file));
  if (folder !== path.resolve(root)) return path.basename(folder);
  return inputs > 1 ? path.basename(folder) : '';
}
