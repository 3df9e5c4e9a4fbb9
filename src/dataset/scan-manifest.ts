// scan-manifest.ts: a csv of files and labels -> a dataset. Several labels in a cell, separated by |, make it multi-label.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { folderEntries } from '../images/folder.ts';
import { readText } from '../text/read-text.ts';
import { parseTable } from '../text/table.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { byCodePoint } from '../util/order.ts';
import { quoted as bounded } from '../util/quoted.ts';
import { invalid, list, quoted, type Dataset, type Sample } from './dataset.ts';
import { columnsOf } from './manifest-columns.ts';
import { locatePictures } from './manifest-paths.ts';

/** Enough for a million rows with long paths; a larger file is another kind of file. */
const MAX_BYTES = 256 * 1024 * 1024;

interface ManifestOptions {
  readonly isFolder: boolean;
  /** `FILE.csv`, or the names of two columns, `file,label`. */
  readonly manifest?: string;
  /** The folder that paths are relative to, if it is not the csv's. */
  readonly root?: string;
}

/** @throws AppError DATASET_INVALID, DATASET_NOT_FOUND */
export async function scanManifest(
  root: string,
  { isFolder, manifest, root: pictures }: ManifestOptions,
): Promise<Dataset> {
  const namesFile = manifest !== undefined && /\.(csv|tsv)$/i.test(manifest);
  const file = isFolder ? await csvIn(root, namesFile ? manifest : undefined) : root;
  const columns = manifest !== undefined && !namesFile ? manifest.split(',').map((name) => name.trim()) : [];
  if (columns.length !== 0 && columns.length !== 2) {
    throw new AppError(
      'USAGE',
      `--manifest must be a csv file or two column names such as file,label, received ${bounded(manifest ?? '')}`,
    );
  }
  const { rows, remarks: read } = await readRows(file);
  const remarks = [...read];
  const { fileAt, labelAt, splitAt, splitOf, header, body } = columnsOf(file, rows, columns);
  const first = header ? 2 : 1;
  const parsed = body.map((row, i) => {
    const name = row[fileAt] ?? '';
    const names = (row[labelAt] ?? '').normalize('NFC').split('|').map((label) => label.trim()).filter(Boolean); // prettier-ignore
    if (name === '') throw invalid(file, `has no file in row ${i + first}`, 'expected a path in each row');
    const split = splitAt < 0 ? 'train' : splitOf(row[splitAt] ?? '');
    if (!split) {
      throw invalid(
        file,
        `says ${quoted(row[splitAt] ?? '')} in column ${header?.[splitAt] ?? splitAt + 1}, row ${i + first}`,
        'expected train, val or test',
      );
    }
    return { name, names: [...new Set(names)], split };
  });
  if (parsed.length === 0) throw invalid(file, 'has no rows', 'expected a header and a row for each picture');
  const multiLabel = parsed.some(({ names }) => names.length > 1);
  const unlabelled = parsed.find(({ names }) => names.length === 0);
  if (unlabelled && !multiLabel) {
    throw invalid(file, `has no label for ${quoted(unlabelled.name)}`, 'add it, or remove the row');
  }
  refuseRepeats(file, parsed);
  const separator = multiLabel ? undefined : separatorIn(parsed.map(({ names }) => names[0]!));
  if (separator !== undefined) remarks.push(`labels of ${path.basename(file)} such as ${quoted(separator.label)} may be several, separated by "${separator.mark}": each is one class here; several labels of a picture are written a|b`); // prettier-ignore
  const located = await locatePictures(
    file,
    parsed.map(({ name }) => name),
    pictures,
  );
  const classes = [...new Set(parsed.flatMap(({ names }) => names))].sort(byCodePoint);
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const part = (wanted: string): readonly Sample[] =>
    parsed
      .map((row, i) => ({ ...row, ...located.pictures[i]! }))
      .filter(({ split }) => split === wanted)
      .map(({ names, ...picture }) => ({
        file: picture.file,
        path: picture.path,
        labels: names.map((label) => numbers.get(label)!).sort((a, b) => a - b),
      }));
  const [val, test] = [part('val'), part('test')];
  const [judges, second] = val.length > 0 ? [val, test] : [test, []];
  return {
    layout: `${path.basename(file)} (${header?.[fileAt] ?? fileAt + 1}, ${header?.[labelAt] ?? labelAt + 1})`,
    classes,
    multiLabel,
    train: part('train'),
    ...(judges.length > 0 && { val: judges, judge: val.length > 0 ? ('val' as const) : ('test' as const) }),
    ...(second.length > 0 && { test: second }),
    ...(located.root !== undefined && { root: located.root }),
    remarks: [...remarks, ...located.remarks],
  };
}

/** A mark that may separate labels: it is in all of them, or a label without it is a part of one with it. */
function separatorIn(
  labels: readonly string[],
): { readonly mark: string; readonly label: string } | undefined {
  const whole = new Set(labels);
  for (const mark of [';', ',', ' ']) {
    const isPart = (part: string) => whole.has(part.trim());
    const several = labels.filter((label) => label.includes(mark));
    // Names of several words are common: all of their words have to be labels.
    const label = several.find((text) => mark === ' ' ? text.split(mark).every(isPart) : text.split(mark).some(isPart)); // prettier-ignore
    if (label !== undefined) return { mark, label };
    if (mark !== ' ' && several.length === labels.length) return { mark, label: several[0]! };
  }
  return undefined;
}

async function csvIn(root: string, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    for (const file of [path.resolve(root, named), path.resolve(named)]) {
      if (await stat(file).then((found) => found.isFile(), () => false)) return file; // prettier-ignore
    }
    throw new AppError('DATASET_NOT_FOUND', `--manifest ${named}: no such file in ${root} or here`);
  }
  const files = (await folderEntries(root)).filter(
    ({ name, kind }) => kind === 'other' && /\.csv$/i.test(name),
  );
  if (files.length === 1) return path.join(root, files[0]!.name);
  const has = files.length === 0 ? 'has no csv file' : `has ${files.length} csv files, ${list(files.map((f) => f.name))}`; // prettier-ignore
  throw invalid(root, has, 'name the csv itself instead of its folder');
}

async function readRows(file: string) {
  const { text, remarks } = await readText(file, { limit: MAX_BYTES, code: 'DATASET_INVALID', expected: 'a csv of files and labels' }); // prettier-ignore
  try {
    const tab = /\.tsv$/i.test(file) ? { delimiter: '\t' } : {};
    return { rows: parseTable(text, { strict: true, ...tab }), remarks };
  } catch (error) {
    throw new AppError('DATASET_INVALID', `${file} is not CSV: ${bounded(messageOf(error))}`, {
      cause: error,
    });
  }
}

function refuseRepeats(file: string, rows: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of rows) {
    if (seen.has(name)) {
      throw invalid(file, `names ${quoted(name)} twice`, 'keep one row; several labels are written a|b');
    }
    seen.add(name);
  }
}
