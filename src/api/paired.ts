// paired.ts: whether one of two networks is better, by what their runs kept of their answers to the same pictures.

import { mcNemar } from '../evaluation/mcnemar.ts';
import { rowsOf } from '../run/history.ts';
import { runPaths } from '../run/run-folder.ts';

/** How often each picture that judged was said rightly, by its path in the dataset. */
export type Answers = ReadonlyMap<string, number>;

/** @param folders of runs; one, or several of the same settings. Empty for runs of an earlier finch, which kept no answers */
export async function answersOf(...folders: readonly string[]): Promise<Answers> {
  const answers = new Map<string, number>();
  for (const folder of folders) {
    for (const { file = '', truth, said } of await rowsOf(runPaths(folder).predictions)) {
      answers.set(file, (answers.get(file) ?? 0) + (truth === said ? 1 : 0));
    }
  }
  return answers;
}

export interface PairedTest {
  /** That judged both. */
  readonly pictures: number;
  /** How often each said one rightly. */
  readonly right: readonly [number, number];
  /** Pictures that the first says rightly and the second does not, or less often; and the other way round. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Of McNemar's test. */
  readonly p: number;
}

/** Undefined where no picture judged both. */
export function pairedTest(first: Answers, second: Answers): PairedTest | undefined {
  const common = [...first.keys()].filter((file) => second.has(file));
  if (common.length === 0) return undefined;
  const right = (answers: Answers) => common.reduce((sum, file) => sum + answers.get(file)!, 0);
  const onlyFirst = common.filter((file) => first.get(file)! > second.get(file)!).length;
  const onlySecond = common.filter((file) => first.get(file)! < second.get(file)!).length;
  return {
    pictures: common.length,
    right: [right(first), right(second)],
    onlyFirst,
    onlySecond,
    p: mcNemar(onlyFirst, onlySecond),
  };
}
