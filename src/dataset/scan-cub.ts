// scan-cub.ts: CUB-200-2011's own layout: images.txt, image_class_labels.txt, train_test_split.txt, classes.txt.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { readText } from '../text/read-text.ts';
import { byCodePoint } from '../util/order.ts';
import { invalid, type Dataset, type Sample } from './dataset.ts';

/** CUB has 12,000 lines; a longer list is another kind of file. */
const MAX_BYTES = 256 * 1024 * 1024;

export async function isCub(root: string): Promise<boolean> {
  const there = ['images.txt', 'image_class_labels.txt'].map((name) => isFile(path.join(root, name)));
  return (await Promise.all(there)).every(Boolean);
}

/** @throws AppError DATASET_INVALID */
export async function scanCub(root: string): Promise<Dataset> {
  const remarks: string[] = [];
  const images = (await readTable(root, 'images.txt', remarks))!;
  const labels = (await readTable(root, 'image_class_labels.txt', remarks))!;
  const split = await readTable(root, 'train_test_split.txt', remarks);
  const classes = await readTable(root, 'classes.txt', remarks);
  const nameOf = (id: string, file: string): string => {
    const label = labels.get(id);
    if (label === undefined)
      throw invalid(root, `has no class for image ${id}`, 'expected it in image_class_labels.txt');
    return classes?.get(label) ?? (path.posix.dirname(file) === '.' ? label : path.posix.dirname(file));
  };
  const rows = [...images].map(([id, file]) => ({
    file,
    name: nameOf(id, file),
    train: split?.get(id) !== '0',
  }));
  const names = [...new Set([...(classes?.values() ?? []), ...rows.map(({ name }) => name)])].sort(
    byCodePoint,
  );
  const numbers = new Map(names.map((name, i) => [name, i]));
  const part = (train: boolean): readonly Sample[] =>
    rows
      .filter((row) => row.train === train)
      .map(({ file, name }) => ({
        file,
        path: path.join(root, 'images', ...file.split('/')),
        labels: [numbers.get(name)!],
      }));
  const val = part(false);
  return {
    layout: 'CUB-200-2011',
    classes: names,
    multiLabel: false,
    train: part(true),
    ...(val.length > 0 && { val }),
    remarks,
  };
}

/** `id value` on each line. Undefined when the file is not there. @param remarks gets what the user should know of its encoding */
async function readTable(
  root: string,
  name: string,
  remarks: string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const file = path.join(root, name);
  if (!(await isFile(file))) return undefined;
  const read = await readText(file, { limit: MAX_BYTES, code: 'DATASET_INVALID', expected: 'a number and a value a line' }); // prettier-ignore
  remarks.push(...read.remarks);
  const table = new Map<string, string>();
  for (const [i, line] of read.text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '') continue;
    const [, id, value] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (id === undefined || value === undefined) {
      throw invalid(
        file,
        `has ${JSON.stringify(line.slice(0, 60))} in line ${i + 1}`,
        'expected a number and a value',
      );
    }
    table.set(id, value);
  }
  return table;
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
