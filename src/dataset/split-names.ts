// split-names.ts: the names that stand for a part of a dataset, as folders or in a csv.

export type SplitName = 'train' | 'val' | 'test';

/** Names in published datasets, without accents and without the words that may stand beside them. */
const SPLITS: Readonly<Record<SplitName, readonly string[]>> = {
  train: [
    'train', 'training', 'trainings', 'trn', 'trainval', 'training and validation', 'entrenamiento', 'entrainement', 'apprentissage', 'treino', 'treinamento',
    'addestramento', 'обучение', 'обучающая', '训练', '訓練', '学習', '훈련', '학습',
  ],
  val: [
    'val', 'valid', 'validate', 'validation', 'validating', 'dev', 'devel', 'development', 'validacion', 'validacao', 'validierung', 'validierungs',
    'validatie', 'convalida', 'валидация', '验证', '驗證', '検証', '검증',
  ],
  test: [
    'test', 'testing', 'tst', 'eval', 'evaluation', 'holdout', 'hold out', 'heldout', 'held out', 'prueba', 'pruebas', 'teste', 'prova',
    'тест', 'тестовая', '测试', '測試', 'テスト', '테스트', '시험',
  ],
}; // prettier-ignore

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
  return BY_WORD.get(wordsOf(name).join(' '));
}

/**
 * The part that each of the folders of one level stands for. If none is plainly train, a name may have words of its own, as long as
 * another part has the same: `flowers_train` beside `flowers_test`.
 */
export function splitsNamed(names: readonly string[]): readonly (SplitName | undefined)[] {
  const plain = names.map(splitNamed);
  if (plain.includes('train')) return plain;
  const told = names.map((name) => {
    const words = wordsOf(name);
    const found = words.filter((word) => BY_WORD.has(word));
    const own = words.filter((word) => !BY_WORD.has(word)).join(' ');
    return found.length === 1 && own !== '' ? { split: BY_WORD.get(found[0]!), own } : undefined;
  });
  return told.map((name, i) => {
    if (!name) return plain[i];
    const beside = new Set(told.flatMap((other) => (other?.own === name.own ? [other.split] : [])));
    return beside.has('train') && beside.size > 1 ? name.split : undefined;
  });
}

function wordsOf(name: string): readonly string[] {
  return name
    .normalize('NFD')
    .replace(/(?<=\p{Script=Latin})\p{M}+/gu, '')
    .normalize('NFC')
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{M}]+/u)
    .map((word) => word.replace(/(?<=.)(sets?|data|daten|datensatz|集)$/u, ''))
    .filter((word) => word !== '' && !BESIDE.has(word));
}

/** Whether a name stands for train and val together. If there is also a train, it holds the same pictures again. */
export function isTrainval(name: string): boolean {
  return /^train[\W_]*val/i.test(name) || /training.*validation/i.test(name);
}
