// dataset-parts.ts: whether a folder is a dataset that is divided into parts, such as train/ and val/.

import { layoutOf } from '../dataset/layout.ts';
import { splitsNamed } from '../dataset/split-names.ts';
import { readTree } from '../dataset/tree.ts';
import { folderEntries } from '../images/folder.ts';

/** The names of the parts, training's first; none where it is not divided, or is no dataset yet. */
export async function splitPartsIn(root: string): Promise<readonly string[]> {
  const names = (await folderEntries(root)).flatMap(({ name, kind }) => (kind === 'folder' ? [name] : []));
  // A folder of many pictures is not looked through for nothing.
  if (splitsNamed(names).every((split) => split === undefined)) return [];
  const layout = layoutOf(await readTree(root, []));
  if ('problem' in layout) return [];
  return layout.parts.flatMap(({ split, name }) => (split === undefined ? [] : [name]));
}
