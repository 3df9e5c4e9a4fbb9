// scan-folders.ts: a folder of class folders, or of parts with class folders -> the labelled pictures in it. layout.ts decides
// what the folders mean.

import path from 'node:path';
import { byCodePoint } from '../util/order.ts';
import { invalid, list, quoted, type Dataset, type Sample } from './dataset.ts';
import type { ClassFolder } from './class-folders.ts';
import { layoutOf, type Layout, type Part } from './layout.ts';
import { otherFiles, type Folder } from './tree.ts';

/** @param tree of `root`. @param problems what could not be read of it. @throws AppError DATASET_INVALID */
export function scanFolders(root: string, tree: Folder, problems: readonly string[]): Dataset {
  const layout = layoutOf(tree);
  if ('problem' in layout) throw invalid(layout.folder, layout.problem, layout.next);
  const { base } = layout;
  const remarks = [...problems, ...layout.remarks, ...otherFiles(tree).lines()];
  const sample = (file: string, labels: readonly number[]): Sample => ({
    file: path.relative(base, file).replaceAll(path.sep, '/'),
    path: file,
    labels,
  });
  return datasetOf(root, layout, { remarks, sample, isSorted: true });
}

interface Making {
  readonly remarks: readonly string[];
  /** @param file as the layout has it */
  readonly sample: (file: string, labels: readonly number[]) => Sample;
  /** By name; else pictures stay in the order of the layout. */
  readonly isSorted: boolean;
}

/** The pictures of a layout. @throws AppError DATASET_INVALID */
export function datasetOf(root: string, { parts }: Layout, { remarks: before, ...making }: Making): Dataset {
  const remarks = [...before];
  const [first, ...others] = parts as readonly [Part, ...Part[]];
  if (first.split === undefined) {
    const classes = classNames(root, first.classes);
    return { layout: 'class folders', classes, multiLabel: false, train: samplesOf(first.classes, classes, making), remarks }; // prettier-ignore
  }
  const train = first.split === 'train' ? first : undefined;
  const classes = classNames(root, train?.classes ?? parts.flatMap((part) => part.classes));
  const judges = train ? others : parts;
  for (const part of judges) checkPart(part, { root, train, classes, remarks });
  const [judge, test] = judges;
  return {
    layout: [train, ...judges].flatMap((part) => (part ? [`${part.name}/`] : [])).join(' and '),
    classes,
    multiLabel: false,
    train: train ? samplesOf(train.classes, classes, making) : [],
    ...(judge && { val: samplesOf(judge.classes, classes, making), judge: judge.split === 'test' ? 'test' : 'val' }), // prettier-ignore
    ...(test && { test: samplesOf(test.classes, classes, making) }),
    remarks,
  };
}

interface Whole {
  readonly root: string;
  readonly train: Part | undefined;
  readonly classes: readonly string[];
  readonly remarks: string[];
}

/** @throws AppError DATASET_INVALID when a part has classes that cannot be learnt */
function checkPart({ name, classes: own }: Part, { root, train, classes, remarks }: Whole): void {
  const unknown = [...new Set(own.map((folder) => folder.name))].filter((name) => !classes.includes(name));
  if (unknown.length > 0) {
    throw invalid(
      root,
      `has classes in ${name}/ that ${train?.name}/ has not: ${list(unknown)}`,
      'add them there, or remove them',
    );
  }
  const missing = classes.filter((c) => !own.some((f) => f.name === c && f.files.length > 0));
  if (missing.length > 0) remarks.push(`${name}/ has no pictures of ${list(missing)}`);
}

/** @throws AppError DATASET_INVALID for a class without pictures */
function classNames(root: string, folders: readonly ClassFolder[]): readonly string[] {
  const names = [...new Set(folders.map((folder) => folder.name))].sort(byCodePoint);
  const empty = names.filter((name) => !folders.some((f) => f.name === name && f.files.length > 0));
  if (empty.length > 0) {
    const what = empty.length > 1 ? 'class folders' : 'class folder';
    throw invalid(
      root,
      `has ${empty.length > 1 ? '' : 'a '}${what} without pictures, ${list(empty)}`,
      `add pictures, or remove ${empty.length > 1 ? 'them' : quoted(empty[0]!)}`,
    );
  }
  return names;
}

function samplesOf(
  folders: readonly ClassFolder[],
  classes: readonly string[],
  { sample, isSorted }: Pick<Making, 'sample' | 'isSorted'>,
): Sample[] {
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const samples = folders.flatMap(({ name, files }) =>
    files.map((file) => sample(file, [numbers.get(name)!])),
  );
  return isSorted ? samples.sort((a, b) => byCodePoint(a.file, b.file)) : samples;
}
