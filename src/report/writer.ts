// writer.ts: results of `classify` as text, one at a time, in each of the formats. Returns strings, prints nothing.

import { csvText } from './csv.ts';
import { classifyRow, roundedProbability, UNKNOWN, type ClassifyResult } from './prediction.ts';
import { tableBlock, type TableOptions } from './table.ts';
import { printableJson } from '../util/quoted.ts';

/** Text before the first result, for each result, and after the last. */
export interface ResultWriter {
  begin(): string;
  result(result: ClassifyResult): string;
  end(): string;
}

interface WriterOptions extends TableOptions {
  /** Used by csv alone: see csv.ts. */
  readonly csvSafe: boolean;
  /** Used by csv alone: a last column says when a frame of a video is seen. */
  readonly hasTimes?: boolean;
}

const FORMATS = { table, json, ndjson, csv } as const satisfies Record<
  string,
  (options: WriterOptions) => ResultWriter
>;

export function createWriter(format: keyof typeof FORMATS, options: WriterOptions): ResultWriter {
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
      return separator + printableJson(printedRow(result));
    },
    end: () => (first ? ']\n' : '\n]\n'),
  };
}

/** The library's row, the time of a frame, and the file that a heat map is in. */
function printedRow(result: ClassifyResult): object {
  const { file, ...rest } = classifyRow(result);
  const { time } = result;
  const row = { file, ...(time !== undefined && { time }), ...rest };
  return 'explain' in result ? { ...row, explain: result.explain } : row;
}

function ndjson(): ResultWriter {
  return { begin: () => '', result: (result) => `${printableJson(printedRow(result))}\n`, end: () => '' };
}

const CSV_COLUMNS = ['file', 'rank', 'index', 'id', 'label', 'label_zh', 'probability', 'error'];

function csv({ csvSafe, hasTimes = false }: WriterOptions): ResultWriter {
  const timed = <T>(row: readonly T[], time: T) => (hasTimes ? [...row, time] : row);
  return {
    begin: () => csvText([timed(CSV_COLUMNS, 'time')], csvSafe),
    result: (result) =>
      csvText(
        csvRows(result).map((row) => timed(row, result.time ?? '')),
        csvSafe,
      ),
    end: () => '',
  };
}

function csvRows(result: ClassifyResult): (string | number)[][] {
  const { file } = result;
  if ('error' in result)
    return [[file, '', '', '', '', '', '', `${result.error.code}: ${result.error.message}`]];
  if (result.predictions.length === 0) return [[file, '', '', '', UNKNOWN, '', '', '']];
  const unlike = result.unknown ? [[file, '', '', '', UNKNOWN, '', '', '']] : [];
  const named = result.predictions.map(({ rank, index, id = '', label, labelZh = '', probability }) => [
    file,
    rank,
    index,
    id,
    label,
    labelZh,
    roundedProbability(probability),
    '',
  ]);
  return [...unlike, ...named];
}
