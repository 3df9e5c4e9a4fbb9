// heat-files.ts: pictures with what spoke for their class, as png files in a folder: the place is checked before the work, and no file that
// is there is ever replaced.

import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodePng } from '../images/decode.ts';
import type { Pixels } from '../images/resize.ts';
import { isTaken, placeFile } from '../sorting/place.ts';
import { asideOf, sweepAsides } from '../util/aside.ts';
import { systemCode } from '../util/errors.ts';
import { makeFolder, writeFailed } from '../util/files.ts';

/** Longest side of a written picture, in pixels. */
const SIDE = 1024;

/** Bytes of a picture's name that its heat map's name begins with: file systems take 255, and a number and an ending follow. */
const MAX_NAME_BYTES = 200;

export interface HeatFiles {
  /** @returns the file. @throws AppError WRITE_FAILED */
  add(file: string, picture: Pixels): Promise<string>;
  /** For people. */
  summary(): string;
}

/** @param folder made when the first file comes */
export function heatFiles(folder: string): HeatFiles {
  /** The last number that was given to a name. */
  const numbers = new Map<string, number>();
  let count = 0;
  return {
    async add(file, picture) {
      await makeFolder(folder);
      await sweepAsides(folder);
      const aside = await asideOf(path.join(folder, 'explain.png'));
      try {
        await writeFile(aside, await encodePng(picture, SIDE), { flag: 'wx' });
        const to = await placed(aside, nameOf(file));
        count += 1;
        return to;
      } catch (error) {
        throw writeFailed(folder, error);
      } finally {
        await rm(aside, { force: true });
      }
    },
    summary: () => `heat maps: ${count} in ${folder}`,
  };

  async function placed(aside: string, name: string): Promise<string> {
    for (let n = numbers.get(name) ?? 1; ; n++) {
      const to = path.join(folder, `${name}${n === 1 ? '' : `-${n}`}.explain.png`);
      numbers.set(name, n + 1);
      if (await isTaken(to)) continue;
      try {
        await placeFile(aside, to, 'move');
        return to;
      } catch (error) {
        // Another process took the name in between.
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }
}

/** The picture's name without its folders and its ending; a picture on stdin has none. */
function nameOf(file: string): string {
  const name = file === '-' ? 'stdin' : path.parse(file).name;
  let kept = '';
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > MAX_NAME_BYTES) break;
    kept += character;
  }
  return kept;
}
