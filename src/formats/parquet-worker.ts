// parquet-worker.ts: the thread of foreign-parquet.ts: keeps tables open, and reads some of their rows. Nothing else imports it.

import { AppError, type ErrorCode } from '../util/errors.ts';
import { serve } from '../util/serve.ts';
import { openParquet, type ParquetFile, type RowGroupExtent } from './parquet-file.ts';

export type Question =
  | { readonly asked: 'open'; readonly file: string }
  | { readonly asked: 'seal'; readonly file: string }
  | { readonly asked: 'close'; readonly file: string }
  | {
      readonly asked: 'numbers';
      readonly file: string;
      readonly group: RowGroupExtent;
      readonly column: string;
    }
  | {
      readonly asked: 'rows';
      readonly file: string;
      readonly range: RowGroupExtent;
      readonly columns: readonly string[];
    };

type Row = Readonly<Record<string, unknown>>;

export type Answer =
  | { readonly asked: 'open'; readonly about: Pick<ParquetFile, 'etag' | 'rows' | 'groups' | 'columns' | 'facts'> }
  | { readonly asked: 'rows'; readonly rows: readonly Row[] }
  | { readonly asked: 'numbers'; readonly numbers: Float32Array<ArrayBuffer> }
  | { readonly asked: 'seal'; readonly isWhole: boolean }
  | { readonly asked: 'close' }
  | { readonly asked: 'none'; readonly code: ErrorCode; readonly problem: string }; // prettier-ignore

/** By name. Another thread than the one that opened a file may be asked for its rows, because that one died. */
const tables = new Map<string, Promise<ParquetFile>>();

function tableOf(file: string): Promise<ParquetFile> {
  const table = tables.get(file) ?? openParquet(file);
  tables.set(file, table);
  return table;
}

serve(1, async (question: Question) => {
  const transfer: ArrayBuffer[] = [];
  try {
    return { reply: await answerTo(question, transfer), transfer };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { reply: { asked: 'none', code: error.code, problem: error.message } satisfies Answer };
  }
});

/** @param transfer gets what is handed over, not copied */
async function answerTo(question: Question, transfer: ArrayBuffer[]): Promise<Answer> {
  const { file } = question;
  if (question.asked === 'close') {
    const table = tables.get(file);
    tables.delete(file);
    await (await table)?.close();
    return { asked: 'close' };
  }
  // What could not be opened is tried anew by who asks again.
  const table = await tableOf(file).catch((error: unknown) => {
    tables.delete(file);
    throw error;
  });
  if (question.asked === 'open') {
    const { etag, rows, groups, columns, facts } = table;
    return { asked: 'open', about: { etag, rows, groups, columns, facts } };
  }
  if (question.asked === 'seal') return { asked: 'seal', isWhole: await table.isWhole() };
  if (question.asked === 'numbers') {
    const numbers = (await table.numbers(question.group, question.column)) as Float32Array<ArrayBuffer>;
    transfer.push(numbers.buffer);
    return { asked: 'numbers', numbers };
  }
  const rows = await table.read(question.range, question.columns);
  return { asked: 'rows', rows: rows.map((row) => alone(row, transfer)) };
}

/** The same row with bytes of its own: what goes to another thread takes all that lies in the same memory with it. */
function alone(row: Row, transfer: ArrayBuffer[]): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, copied(value, transfer)]));
}

function copied(value: unknown, transfer: ArrayBuffer[]): unknown {
  if (value instanceof Uint8Array) return handedOver(value.slice(), transfer);
  if (Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array) {
    const isNumbers = !Array.isArray(value) || value.every((number) => typeof number === 'number');
    return isNumbers ? handedOver(Float64Array.from(value as number[]), transfer) : value;
  }
  const isRecord = typeof value === 'object' && value !== null;
  return isRecord ? alone(value as Row, transfer) : value;
}

function handedOver<T extends Uint8Array | Float64Array>(numbers: T, transfer: ArrayBuffer[]): T {
  transfer.push(numbers.buffer as ArrayBuffer);
  return numbers;
}
