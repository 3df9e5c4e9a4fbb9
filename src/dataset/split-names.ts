// split-names.ts: the names that stand for a part of a dataset, as folders or in a csv.

export type SplitName = 'train' | 'val' | 'test';

/** As torchvision's, timm's and Ultralytics' datasets have them. */
const SPLITS: ReadonlyMap<string, SplitName> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'val'],
  ['valid', 'val'],
  ['validation', 'val'],
  ['test', 'test'],
  ['testing', 'test'],
]);

/** The part that `name` stands for in any case of letters; undefined when it is another word. */
export function splitNamed(name: string): SplitName | undefined {
  return SPLITS.get(name.toLowerCase());
}
