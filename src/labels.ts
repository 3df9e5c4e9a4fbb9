// labels.ts: names for class numbers: ImageNet's in English and Chinese, a model's own, or a file's.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NamesProblem, type ClassName } from './text/class-name.ts';
import { AppError } from './util/errors.ts';
import { PACKAGE_ROOT } from './util/package.ts';

export type Labels = readonly ClassName[];

/** ImageNet's 1000 classes in the order of every published classifier. */
export async function imagenetLabels(): Promise<Labels> {
  const file = path.join(PACKAGE_ROOT, 'labels', 'imagenet.json');
  const rows = JSON.parse(await readFile(file, 'utf8')) as readonly (readonly [string, string, string])[];
  return rows.map(([id, label, labelZh]) => ({ id, label, labelZh }));
}

/** A label file has one line for each class; a larger file is another kind of file. */
const MAX_LABEL_BYTES = 16 * 1024 * 1024;

/** First rows that mean "none of the classes", in files made for networks that have an output for it. */
const BACKGROUND = /^(background|dummy|unknown|__background__|背景.*)$/i;

/**
 * Labels from a file: JSON, a Python dictionary, YAML, CSV or text, in any usual encoding.
 * One row more than classes is accepted when the first row is the background.
 * @param classes how many the model has
 * @param remark receives what the user should know about how the file was read
 * @throws AppError LABELS_INVALID
 */
export async function readLabelFile(
  file: string,
  classes: number,
  remark: (text: string) => void = () => {},
): Promise<Labels> {
  // The readers of all these forms are loaded only for such a file.
  const [{ readText }, { readClassNames }] = await Promise.all([
    import('./text/read-text.ts'),
    import('./text/class-names.ts'),
  ]);
  const what = `--labels ${file}`;
  const expected = 'en, zh, en,zh or a file of class names';
  const { text, remarks } = await readText(file, { limit: MAX_LABEL_BYTES, code: 'LABELS_INVALID', what, expected }); // prettier-ignore
  const read = await readClassNames(text, file).catch((error: unknown) => {
    if (!(error instanceof NamesProblem)) throw error;
    throw new AppError('LABELS_INVALID', `${what} ${error.message}`, { cause: error });
  });
  for (const line of [...remarks, ...read.remarks.map((text) => `${what} ${text}`)]) remark(line);
  const { names } = read;
  if (names.length === classes) return names;
  if (names.length === classes + 1 && BACKGROUND.test(names[0]!.label)) return names.slice(1);
  throw new AppError(
    'LABELS_INVALID',
    `${what} has ${names.length} labels, the model has ${classes} classes; expected one row a class`,
  );
}
