// split-names.ts: the names that stand for a part of a dataset, as folders or in a csv.

export type SplitName = 'train' | 'val' | 'test';

/** Names in published datasets, without the words that may stand beside them. */
const SPLITS: Readonly<Record<SplitName, readonly string[]>> = {
  train: ['train', 'training', 'trn', 'trainval', 'training and validation', '训练'],
  val: ['val', 'valid', 'validate', 'validation', 'validating', 'dev', 'devel', 'development', '验证'],
  test: [
    'test',
    'testing',
    'tst',
    'eval',
    'evaluation',
    'holdout',
    'hold out',
    'heldout',
    'held out',
    '测试',
  ],
};

const BY_WORD: ReadonlyMap<string, SplitName> = new Map(
  (Object.keys(SPLITS) as SplitName[]).flatMap((split) =>
    SPLITS[split].map((word) => [word, split] as const),
  ),
);

/** Words and numbers beside such a name that have no meaning: `test_set`, `seg_train`, `train-images`, `val2017`, `训练集`. */
const BESIDE = new Set([
  'set', 'data', 'dataset', 'seg', 'split', 'folder', 'dir', 'images', 'image', 'imgs', 'img', 'pictures', 'pics', 'photos', 'files',
]); // prettier-ignore

/** The part that `name` stands for, in upper or lower case; undefined when it is another word. */
export function splitNamed(name: string): SplitName | undefined {
  const words = name
    .normalize('NFC')
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .map((word) => word.replace(/(?<=.)(sets?|data|集)$/u, ''))
    .filter((word) => word !== '' && !BESIDE.has(word));
  return BY_WORD.get(words.join(' '));
}

/** Whether a name stands for train and val together. If there is also a train, it holds the same pictures again. */
export function isTrainval(name: string): boolean {
  return /^train[\W_]*val/i.test(name) || /training.*validation/i.test(name);
}
