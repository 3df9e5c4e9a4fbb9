// writer.ts: results of `classify` as text, one at a time, in each of the formats. Returns strings, prints nothing.

import { stringify } from 'csv-stringify/sync';
import { classifyRow, roundedProbability, UNKNOWN, type ClassifyResult } from './prediction.ts';
import { tableBlock, type TableOptions } from './table.ts';

/** Text before the first result, for each result, and after the last. */
export interface ResultWriter {
  begin(): string;
  result(result: ClassifyResult): string;
  end(): string;
}

const FORMATS = { table, json, ndjson, csv } as const satisfies Record<
  string,
  (options: TableOptions) => ResultWriter
>;

/** @param options used by the table alone */
export function createWriter(format: keyof typeof FORMATS, options: TableOptions): ResultWriter {
  return FORMATS[format](options);
}

function table(options: TableOptions): ResultWriter {
  return { begin: () => '', result: (result) => tableBlock(result, options), end: () => '' };
}

function json(): ResultWriter {
  let first = true;
  return {
    begin: () => '[',
    result: (result) => {
      const separator = first ? '\n' : ',\n';
      first = false;
      return separator + JSON.stringify(classifyRow(result));
    },
    end: () => (first ? ']\n' : '\n]\n'),
  };
}

function ndjson(): ResultWriter {
  return { begin: () => '', result: (result) => `${JSON.stringify(classifyRow(result))}\n`, end: () => '' };
}

const CSV_COLUMNS = ['file', 'rank', 'index', 'id', 'label', 'label_zh', 'probability', 'error'];

function csv(): ResultWriter {
  return {
    begin: () => stringify([CSV_COLUMNS]),
    result: (result) => stringify(csvRows(result)),
    end: () => '',
  };
}

function csvRows(result: ClassifyResult): (string | number)[][] {
  const { file } = result;
  if ('error' in result)
    return [[file, '', '', '', '', '', '', `${result.error.code}: ${result.error.message}`]];
  if (result.predictions.length === 0) return [[file, '', '', '', UNKNOWN, '', '', '']];
  return result.predictions.map(({ rank, index, id = '', label, labelZh = '', probability }) => [
    file,
    rank,
    index,
    id,
    label,
    labelZh,
    roundedProbability(probability),
    '',
  ]);
}
