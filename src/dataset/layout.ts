// layout.ts: what a path inside a dataset's folder says: the split it belongs to and its class. Opens no picture.

import { opendir } from 'node:fs/promises';
import path from 'node:path';
import { hasImageExtension } from '../images/source.ts';
import { splitNamed } from './split-names.ts';

export interface Place {
  /** `train`, `val` or `test`; empty where the dataset has no such folders. */
  readonly split: string;
  /** Folders below the split; empty for a picture that lies in none. */
  readonly className: string;
}

/** @param folder the dataset's. @param file a path inside it */
export function placeOf(folder: string, file: string): Place {
  const folders = path.relative(folder, file).split(path.sep).slice(0, -1);
  const [first = ''] = folders;
  const split = splitNamed(first) ?? '';
  return { split, className: (split === '' ? folders : folders.slice(1)).join('/') };
}

/** How many files are no pictures by their names, by ending; hidden files are passed over, links are not followed. */
export async function otherFiles(folder: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const walk = async (at: string): Promise<void> => {
    for await (const entry of await opendir(at)) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) await walk(path.join(at, entry.name));
      else if (entry.isFile() && !hasImageExtension(entry.name)) {
        const ending = path.extname(entry.name).toLowerCase() || 'no ending';
        counts.set(ending, (counts.get(ending) ?? 0) + 1);
      }
    }
  };
  // A folder that cannot be read is told of where its pictures are looked for.
  await walk(folder).catch(() => {});
  return counts;
}
