// scan-manifest.ts: a csv of files and labels -> a dataset. Several labels in a cell, separated by |, make it multi-label.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { AppError, messageOf } from '../util/errors.ts';
import { readRegularFile } from '../util/files.ts';
import { byCodePoint } from '../util/order.ts';
import { folderEntries } from '../images/folder.ts';
import { invalid, list, type Dataset, type Sample } from './dataset.ts';
import { splitNamed } from './split-names.ts';

/** A million rows with long paths; more is another kind of file. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Columns that are taken when the user names none. */
const FILE_COLUMNS = ['file', 'path', 'filename', 'image', 'filepath'] as const;
const LABEL_COLUMNS = ['label', 'labels', 'class', 'wnid', 'index'] as const;
const SPLIT_COLUMNS = ['split', 'set', 'subset'] as const;

interface ManifestOptions {
  readonly isFolder: boolean;
  /** `FILE.csv`, or the names of two columns, `file,label`. */
  readonly manifest?: string;
}

/** @throws AppError DATASET_INVALID, DATASET_NOT_FOUND */
export async function scanManifest(root: string, { isFolder, manifest }: ManifestOptions): Promise<Dataset> {
  const namesFile = manifest !== undefined && /\.(csv|tsv)$/i.test(manifest);
  const file = isFolder ? await csvIn(root, namesFile ? manifest : undefined) : root;
  const columns = manifest !== undefined && !namesFile ? manifest.split(',').map((name) => name.trim()) : [];
  if (columns.length !== 0 && columns.length !== 2) {
    throw new AppError(
      'USAGE',
      `--manifest must be a csv file or two column names such as file,label, received ${manifest}`,
    );
  }
  const rows = await readRows(file);
  const header = rows[0] ?? [];
  const fileAt = columnOf(file, header, columns[0] === undefined ? FILE_COLUMNS : [columns[0]]);
  const labelAt = columnOf(file, header, columns[1] === undefined ? LABEL_COLUMNS : [columns[1]]);
  const splitAt = header.findIndex((cell) => SPLIT_COLUMNS.some((name) => name === cell.toLowerCase()));
  const parsed = rows.slice(1).map((row, i) => {
    const name = row[fileAt] ?? '';
    const names = (row[labelAt] ?? '').split('|').map((label) => label.trim()).filter(Boolean); // prettier-ignore
    if (name === '') throw invalid(file, `has no file in row ${i + 2}`, 'expected a path in each row');
    const split = splitAt < 0 ? 'train' : splitNamed(row[splitAt] ?? '');
    if (!split) {
      throw invalid(
        file,
        `says ${JSON.stringify(row[splitAt])} in column ${header[splitAt]}, row ${i + 2}`,
        'expected train, val or test',
      );
    }
    return { name, names: [...new Set(names)], split };
  });
  if (parsed.length === 0) throw invalid(file, 'has no rows', 'expected a header and a row for each picture');
  const multiLabel = parsed.some(({ names }) => names.length > 1);
  const unlabelled = parsed.find(({ names }) => names.length === 0);
  if (unlabelled && !multiLabel) {
    throw invalid(file, `has no label for ${JSON.stringify(unlabelled.name)}`, 'add it, or remove the row');
  }
  refuseRepeats(file, parsed);
  const classes = [...new Set(parsed.flatMap(({ names }) => names))].sort(byCodePoint);
  const numbers = new Map(classes.map((name, i) => [name, i]));
  const part = (wanted: string): readonly Sample[] =>
    parsed
      .filter(({ split }) => split === wanted)
      .map(({ name, names }) => ({
        file: name,
        path: path.resolve(path.dirname(file), name),
        labels: names.map((label) => numbers.get(label)!).sort((a, b) => a - b),
      }));
  const [val, test] = [part('val'), part('test')];
  const [first, second] = val.length > 0 ? [val, test] : [test, []];
  return {
    layout: `${path.basename(file)} (${header[fileAt]}, ${header[labelAt]})`,
    classes,
    multiLabel,
    train: part('train'),
    ...(first.length > 0 && { val: first }),
    ...(second.length > 0 && { test: second }),
    remarks: [],
  };
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

async function readRows(file: string): Promise<string[][]> {
  const text = await readRegularFile(file, { limit: MAX_BYTES, code: 'DATASET_INVALID' });
  try {
    return parse(text, {
      bom: true,
      trim: true,
      skipEmptyLines: true,
      delimiter: /\.tsv$/i.test(file) ? '\t' : ',',
    });
  } catch (error) {
    throw new AppError('DATASET_INVALID', `${file} is not CSV: ${messageOf(error)}`, { cause: error });
  }
}

function columnOf(file: string, header: readonly string[], names: readonly string[]): number {
  for (const name of names) {
    const at = header.findIndex((cell) => cell.toLowerCase() === name.toLowerCase());
    if (at >= 0) return at;
  }
  throw invalid(file, `has the columns ${list(header)}, not ${names[0]!}`, 'name two of them with --manifest file,label'); // prettier-ignore
}

function refuseRepeats(file: string, rows: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of rows) {
    if (seen.has(name)) {
      throw invalid(
        file,
        `names ${JSON.stringify(name)} twice`,
        'keep one row; several labels are written a|b',
      );
    }
    seen.add(name);
  }
}
