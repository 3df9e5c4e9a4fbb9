// labels.ts: names for class numbers: ImageNet's in English and Chinese, a model's own, or a file's.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, messageOf, systemCode } from './util/errors.ts';
import { readRegularFile } from './util/files.ts';
import { PACKAGE_ROOT } from './util/package.ts';

/** What one class is called. */
interface ClassLabel {
  readonly label: string;
  readonly labelZh?: string;
  /** WordNet's synset of an ImageNet class, such as n07248320. */
  readonly id?: string;
}

export type Labels = readonly ClassLabel[];

/** ImageNet's 1000 classes in the order of every published classifier. */
export async function imagenetLabels(): Promise<Labels> {
  const file = path.join(PACKAGE_ROOT, 'labels', 'imagenet.json');
  const rows = JSON.parse(await readFile(file, 'utf8')) as readonly (readonly [string, string, string])[];
  return rows.map(([id, label, labelZh]) => ({ id, label, labelZh }));
}

/** A label file has a line a class; more bytes than this is another kind of file. */
const MAX_LABEL_BYTES = 16 * 1024 * 1024;

/** First rows that stand for "none of the classes", in files made for networks with an output for it. */
const BACKGROUND = /^(background|dummy|unknown|__background__|背景.*)$/i;

/**
 * Labels from a file: JSON (a list, or an object by class number), CSV, or text with one label a line; UTF-8 or GB18030.
 * One row more than classes is accepted when the first row is the background.
 * @param classes how many the model has
 * @throws AppError LABELS_INVALID
 */
export async function readLabelFile(file: string, classes: number): Promise<Labels> {
  const text = decode(await readBytes(file));
  const labels = /^\s*[[{]/.test(text) ? fromJson(text, file) : await fromRows(text, file);
  if (labels.length === classes) return labels;
  if (labels.length === classes + 1 && BACKGROUND.test(labels[0]!.label)) return labels.slice(1);
  throw new AppError(
    'LABELS_INVALID',
    `--labels ${file} has ${labels.length} labels, the model has ${classes} classes; expected one row a class`,
  );
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    const reading = { what: `--labels ${file}`, code: 'LABELS_INVALID' } as const;
    return await readRegularFile(file, { limit: MAX_LABEL_BYTES, ...reading });
  } catch (error) {
    if (error instanceof AppError) throw error;
    const problem = systemCode(error) === 'ENOENT' ? 'is no file' : `cannot be read: ${messageOf(error)}`;
    throw new AppError('LABELS_INVALID', `--labels ${file} ${problem}; expected en, zh, en,zh or a file`, {
      cause: error,
    });
  }
}

/** Chinese files made on Windows are GB18030, which is hardly ever valid UTF-8. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('gb18030').decode(bytes);
  }
}

/** `["tench", …]`, `{"0": "tench"}`, `{"0": ["n01440764", "tench"]}` or torch's `{"tench": 0}`. */
function fromJson(text: string, file: string): Labels {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new AppError('LABELS_INVALID', `--labels ${file} is not JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (Array.isArray(parsed)) return parsed.map((entry, index) => labelOf(entry, index, file));
  const entries = Object.entries(parsed as object);
  const byName = entries.every(([, value]) => typeof value === 'number');
  const indexed = entries.map(([key, value]): [number, unknown] =>
    byName ? [value as number, key] : [Number(key), value],
  );
  const labels: ClassLabel[] = [];
  for (const [index, entry] of indexed.toSorted(([a], [b]) => a - b)) {
    if (index !== labels.length) {
      throw new AppError('LABELS_INVALID', `--labels ${file} has no label for class ${labels.length}`);
    }
    labels.push(labelOf(entry, index, file));
  }
  return labels;
}

function labelOf(entry: unknown, index: number, file: string): ClassLabel {
  if (typeof entry === 'string') return { label: entry.trim() };
  if (Array.isArray(entry)) {
    const [id, label]: readonly unknown[] = entry;
    if (typeof id === 'string' && typeof label === 'string' && /^n\d{8}$/.test(id)) {
      return { id, label: label.replaceAll('_', ' ') };
    }
  }
  throw new AppError(
    'LABELS_INVALID',
    `--labels ${file}: class ${index} is ${JSON.stringify(entry)?.slice(0, 40)}, expected a text`,
  );
}

/** Columns that a header may name. */
const COLUMNS = {
  label: ['label', 'name', 'class', 'class_name', 'english', 'en'],
  labelZh: ['label_zh', 'labelzh', 'zh', 'chinese', 'name_zh'],
  id: ['id', 'wnid', 'synset'],
} as const;

/** Text or CSV. Without a header, a row's cells are one label's synonyms, and a first column that counts is left out. */
async function fromRows(text: string, file: string): Promise<Labels> {
  const { parse } = await import('csv-parse/sync');
  let rows: string[][];
  try {
    rows = parse(text, {
      bom: true,
      trim: true,
      relaxColumnCount: true,
      relaxQuotes: true,
      skipEmptyLines: true,
    });
  } catch (error) {
    throw new AppError('LABELS_INVALID', `--labels ${file} is not CSV: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const header = rows[0]?.map((cell) => cell.toLowerCase()) ?? [];
  const column = (names: readonly string[]) => header.findIndex((cell) => names.includes(cell));
  const labelColumn = column(COLUMNS.label);
  if (labelColumn >= 0) {
    const zhColumn = column(COLUMNS.labelZh);
    const idColumn = column(COLUMNS.id);
    return rows.slice(1).map((row) => ({
      label: row[labelColumn] ?? '',
      ...(zhColumn >= 0 && { labelZh: row[zhColumn] ?? '' }),
      ...(idColumn >= 0 && { id: row[idColumn] ?? '' }),
    }));
  }
  const counted = rows.length > 1 && rows.every((row, i) => row.length > 1 && Number(row[0]) === i);
  return rows.map((row) => ({
    label: (counted ? row.slice(1) : row).filter((cell) => cell !== '').join(' '),
  }));
}
