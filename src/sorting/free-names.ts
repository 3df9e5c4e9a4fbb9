// free-names.ts: names that nothing in a folder has: `dog.jpg`, `dog-2.jpg`.

import path from 'node:path';
import { isTaken } from './place.ts';

/**
 * @param isPromised whether a path that is free on disk is to be taken all the same
 * @returns a path in a folder for a name, with a number where something has it
 */
export function freeNames(
  isPromised: (file: string) => boolean = () => false,
): (folder: string, name: string) => Promise<string> {
  /** The last number that was given to a name, so that many pictures of one name do not look for a free one from the start. */
  const numbers = new Map<string, number>();
  return async (folder, wanted) => {
    const { name, ext } = path.parse(wanted);
    const first = path.join(folder, wanted);
    for (let n = numbers.get(first) ?? 1; ; n++) {
      const file = n === 1 ? first : path.join(folder, `${name}-${n}${ext}`);
      if (isPromised(file) || (await isTaken(file))) continue;
      numbers.set(first, n);
      return file;
    }
  };
}
