// layout.ts: trees of folders with names of parts, classes and anything else: every picture has one place at most.

import assert from 'node:assert/strict';
import { invalid } from '../../../src/dataset/dataset.ts';
import { layoutOf } from '../../../src/dataset/layout.ts';
import { splitNamed, splitsNamed } from '../../../src/dataset/split-names.ts';
import { picturesIn, type Folder } from '../../../src/dataset/tree.ts';
import type { Rng } from '../../../src/util/rng.ts';
import type { FuzzTarget } from '../cases.ts';
import { hostileText, pick } from '../mutate.ts';

const NAMES = [
  'train', 'val', 'test', 'validate', 'train_set', 'trainval', 'x_train', 'x_test', 'trainA', 'testA', 'wandb', 'dev', 'holdout', 'images', 'labels', 'cat', 'dog', 'bird', 'runs', 'best',
  '__MACOSX', 'notes', 'train2017', '训练集', 'caf\u00e9', 'cafe\u0301', 'data',
]; // prettier-ignore

const layout: FuzzTarget = (rng) => {
  const root = folder(rng, '/data', 'data', 0);
  return {
    bytes: JSON.stringify(root).length,
    read: () => {
      const found = layoutOf(root);
      if ('problem' in found) throw invalid(found.folder, found.problem, found.next);
      const all = new Set(picturesIn(root));
      const seen = new Set<string>();
      for (const { classes } of found.parts) {
        for (const file of classes.flatMap(({ files }) => files)) {
          assert.ok(all.has(file) && !seen.has(file), file);
          seen.add(file);
        }
      }
    },
  };
};

export default layout;

function folder(rng: Rng, path: string, name: string, depth: number): Folder {
  const names = new Set(Array.from({ length: depth > 3 ? 0 : rng.integer(5) }, () => entryName(rng)));
  const splits = splitsNamed([...names]);
  const folders = [...names].map((inner, i) => ({ ...folder(rng, `${path}/${inner}`, inner, depth + 1), split: splits[i] })); // prettier-ignore
  const pictures = rng.chance(0.4) ? Array.from({ length: 1 + rng.integer(3) }, (_, i) => `${i}.jpg`) : [];
  return {
    name,
    path,
    split: splitNamed(name),
    pictures,
    folders,
    others: rng.chance(0.2) ? [pick(rng, ['a.txt', 'model.json', 'labels.csv', 'x'])] : [],
    unread: rng.chance(0.1) ? ['a.heic'] : [],
    system: rng.chance(0.1) ? ['@eaDir'] : [],
    count: folders.reduce((sum, { count }) => sum + count, pictures.length),
  };
}

/** A name that a file system allows. */
function entryName(rng: Rng): string {
  if (rng.chance(0.8)) return pick(rng, NAMES);
  const name = hostileText(rng).replaceAll(/[/\0]/g, '').slice(0, 60);
  return name === '' || name === '.' || name === '..' ? 'x' : name;
}
