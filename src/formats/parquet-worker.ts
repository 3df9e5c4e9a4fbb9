// parquet-worker.ts: the thread of foreign-parquet.ts: reads some rows of a table. Nothing else imports it.

import { AppError } from '../util/errors.ts';
import { serve } from '../util/serve.ts';
import { openParquet, type RowGroupExtent } from './parquet-file.ts';

export interface Question {
  readonly file: string;
  readonly range: RowGroupExtent;
  readonly columns: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;
export type Answer = { readonly rows: readonly Row[] } | { readonly problem: string };

serve(1, async ({ file, range, columns }: Question): Promise<{ reply: Answer }> => {
  try {
    const parquet = await openParquet(file);
    const rows = await parquet.read(range, columns).finally(() => parquet.close());
    return { reply: { rows: rows.map(alone) } };
  } catch (error) {
    if (error instanceof AppError) return { reply: { problem: error.message } };
    throw error;
  }
});

/** The same row with bytes of its own: what goes to another thread takes all that lies in the same memory with it. */
function alone(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, copied(value)]));
}

function copied(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? alone(value as Row) : value;
}
